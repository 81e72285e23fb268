"""Crowding: who is absent keeps nobody out who is present."""

from __future__ import annotations

import pytest

from scenarios.scene import Scene
from signaling_server.core.protocol import relay as relay_module
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import PeerLeft
from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.errors import Rejection

HERE, THERE = "10.0.0.1", "10.0.0.2"


def ghost(scene: Scene, name: str, room: str = "default", address: str = HERE) -> None:
    """A client with a session joins and loses its connection."""
    scene.join(name, name=name, room=room, session="key", address=address)
    scene.lose(name)


def test_absent_peer_makes_way_and_its_room_hears_of_it() -> None:
    scene = Scene(limits={"connections": 3})
    scene.join("n", name="node", address=THERE)
    ghost(scene, "g1")
    ghost(scene, "g2")
    scene.heard("n")
    scene.join("t", name="tablet", room="elsewhere", address=THERE)
    assert scene.heard("n") == ["left g1 connection-lost"]
    scene.join("t2", name="second", room="elsewhere", address=THERE)
    assert scene.heard("n") == ["left g2 connection-lost"]


def test_absent_peer_that_returns_takes_its_own_place() -> None:
    scene = Scene(limits={"connections": 1})
    ghost(scene, "g")
    scene.join("g-again", name="g", session="key")
    assert scene.heard("g-again") == ["welcome back []"]


def test_newcomer_keeps_the_absent_peers_of_its_room_where_there_are_places() -> None:
    scene = Scene(limits={"connections": 2})
    ghost(scene, "g")
    scene.join("n", name="node")
    assert list(scene.relay.rooms["default"].peers) == ["g", "node"]


def test_thousand_ghost_rooms_keep_nobody_out() -> None:
    scene = Scene(rooms={"max_rooms": 64}, limits={"rooms_per_address": 16})
    for number in range(200):
        ghost(scene, f"g{number}", room=f"room-{number}", address=f"10.0.0.{number % 8}")
    assert len(scene.relay.rooms) == 64
    scene.join("n", name="node", room="flight", address=HERE)
    assert "flight" in scene.relay.rooms
    assert len(scene.relay.rooms) == 64


def test_address_has_its_share_of_rooms_where_anybody_may_come() -> None:
    scene = Scene(limits={"rooms_per_address": 2})
    for name in ("one", "two"):
        scene.join(name, room=name, address=HERE)
    with pytest.raises(Rejection) as refused:
        scene.join("three", room="three", address=HERE)
    assert (refused.value.code, refused.value.message) == (
        "server-full",
        "at most 2 rooms for one address",
    )
    scene.join("elsewhere", room="three", address=THERE)
    scene.join("with token", room="four", address=HERE, grant=Grant("1", "", "node"))
    assert len(scene.relay.rooms) == 4


def test_crowd_that_comes_and_goes_costs_an_absent_peer_its_events_and_no_more() -> None:
    scene = Scene(resume={"max_messages": 4})
    scene.join("n", name="node", session="key")
    scene.lose("n")
    for number in range(10):
        scene.join(f"g{number}")
    scene.say("g0", to="node")
    scene.join("n2", name="node", session="key")
    trace = scene.heard("n2")
    assert trace[0] == "welcome back [" + " ".join(f"g{number}" for number in range(10)) + "]"
    assert trace[1:] == ["offer #1 from g0 seq=1"]


def test_crowd_whose_windows_end_together_goes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "MOST_TOLD", 10)
    scene = Scene()
    scene.join("n", name="node", address=THERE)
    for number in range(8):
        ghost(scene, f"g{number}")
    scene.now += 30.0
    gone = []
    while len(scene.relay.rooms["default"].peers) > 1:
        assert scene.relay.next_deadline() == scene.now, "the next piece is due at once"
        scene.tick()
        gone.append(len(scene.facts_of(PeerLeft)))
    assert gone == [2, 4, 7, 8]
    assert scene.heard("n")[-8:] == [f"left g{number} connection-lost" for number in range(8)]
    assert scene.relay.next_deadline() is None


def test_room_is_a_crowd_while_many_are_in_it() -> None:
    scene = Scene(limits={"connections": 1000})
    for number in range(CROWD - 1):
        scene.join(f"c{number}")
    assert scene.relay.crowds == set()
    scene.join("last")
    assert scene.relay.crowds == {"default"}
    scene.leave("last")
    assert scene.relay.crowds == set()


def test_revoked_crowd_is_not_told_of_its_own_departure() -> None:
    scene = Scene()
    grants = [Grant(str(number), "", f"n{number}") for number in range(3)]
    for grant in grants:
        scene.join(grant.name, name=grant.name, grant=grant)
    for name in ("n0", "n1", "n2"):
        scene.heard(name)
    scene.revoke(*grants[:2])
    assert scene.heard("n0") == ["error unauthorized", "closed unauthorized"]
    assert scene.heard("n1") == ["error unauthorized", "closed unauthorized"]
    assert scene.heard("n2") == ["left n0 unauthorized", "left n1 unauthorized"]
