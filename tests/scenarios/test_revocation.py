"""Revocation: a client whose token is revoked is out at once, wherever it is."""

from __future__ import annotations

from scenarios.scene import Scene
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import PeerLeft, Rejected

NODE, GCOM = Grant("1", "", "node"), Grant("2", "", "gcom")


def test_present_client_is_told_and_closed_and_the_others_hear_that_it_left() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key", grant=NODE)
    scene.join("g", name="gcom", grant=GCOM)
    scene.heard("n")
    scene.heard("g")
    scene.revoke(NODE)
    assert scene.heard("n") == ["error unauthorized", "closed unauthorized"]
    assert scene.heard("g") == ["left node unauthorized"]
    assert scene.facts_of(PeerLeft) == [PeerLeft("n", "node", "default", "unauthorized")]
    (rejected,) = scene.facts_of(Rejected)
    assert (rejected.peer_id, rejected.code) == ("node", "unauthorized")


def test_late_end_of_its_connection_changes_nothing() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key", grant=NODE)
    scene.revoke(NODE)
    scene.lose("n")
    assert (scene.relay.rooms, scene.relay.grants()) == ({}, set())


def test_client_that_is_away_is_out_too() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key", grant=NODE)
    scene.join("g", name="gcom", grant=GCOM)
    scene.lose("n")
    scene.heard("g")
    scene.revoke(NODE)
    assert scene.heard("g") == ["left node unauthorized"]
    scene.wait(60)
    assert scene.heard("g") == []


def test_held_offer_reaches_no_newcomer_after_the_revocation() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key", grant=NODE)
    scene.say("n")
    scene.lose("n")
    scene.revoke(NODE)
    scene.join("g", name="gcom", grant=GCOM)
    assert scene.heard("g") == ["welcome []"]
    assert scene.relay.budget.used == 0


def test_signals_kept_for_others_are_dropped() -> None:
    scene = Scene()
    scene.join("n", name="node", grant=NODE)
    scene.join("g", name="gcom", session="key", grant=GCOM)
    scene.lose("g")
    scene.say("n")
    scene.revoke(NODE)
    scene.join("g2", name="gcom", session="key", grant=GCOM)
    assert scene.heard("g2") == ["welcome back []", "left node unauthorized"]


def test_grant_is_that_of_the_newest_connection() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key", grant=NODE)
    newer = NODE._replace(id="3")
    scene.join("n2", name="node", session="key", grant=newer)
    assert scene.relay.grants() == {newer}
    scene.revoke(NODE)
    assert list(scene.relay.peers) == ["n2"]
