"""Takeover: the newest connection with a name has it, for the older one is most likely a ghost."""

from __future__ import annotations

import pytest

from scenarios.scene import Scene
from signaling_server.core.protocol.events import (
    NameContested,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    Pulse,
    Rejected,
    RoomOverfull,
)
from signaling_server.core.protocol.hello import Hello
from signaling_server.errors import Rejection


def node_and_gcom() -> Scene:
    scene = Scene()
    scene.join("g", name="gcom")
    scene.join("n1", name="node")
    scene.heard("g")
    scene.heard("n1")
    return scene


def contested() -> Scene:
    """Two machines use the name node, and the fourth takeover in 30 s was refused."""
    scene = node_and_gcom()
    for sid in ("n2", "n3", "n4"):
        scene.join(sid, name="node")
        scene.show_life(f"n{int(sid[1]) - 1}")
        scene.wait(5)
    with pytest.raises(Rejection) as refused:
        scene.join("n5", name="node")
    assert refused.value.code == "name-in-use"
    return scene


def test_newest_gets_the_name_at_once_and_the_older_one_is_closed() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    assert scene.heard("n1") == ["error replaced", "closed replaced"]
    assert scene.heard("n2") == ["welcome [gcom]", "joined gcom impolite"]
    scene.say("g", "answer", to="node")
    assert scene.heard("n2") == ["answer #1 from gcom"]
    assert scene.heard("n1") == []


def test_others_hear_of_a_rejoin_and_of_no_leave() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    assert scene.heard("g") == ["joined node polite rejoined"]
    assert scene.facts_of(PeerLeft) == []
    assert scene.facts_of(PeerJoined)[-1].rejoined is True
    assert scene.facts_of(PeerReplaced) == [
        PeerReplaced("n1", "node", "default", "address-of-n1", "address-of-n2")
    ]


def test_late_end_of_the_ghost_changes_nothing() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    scene.heard("g")
    scene.lose("n1")
    scene.leave("n1")
    assert scene.heard("g") == []
    assert scene.say("g").delivered == 1


def test_nobody_hears_a_ghost() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    scene.heard("g")
    with pytest.raises(AssertionError, match="passed the signal over"):
        scene.say("n1")
    assert scene.heard("g") == []


def test_rejoined_node_is_the_newest_and_takes_no_second_place() -> None:
    scene = Scene(rooms={"max_peers": 2})
    scene.join("n1", name="node")
    scene.join("g", name="gcom")
    scene.join("n2", name="node")
    assert list(scene.relay.rooms["default"].peers) == ["gcom", "node"]


def test_rejoin_in_an_overfull_room_is_no_second_warning() -> None:
    scene = node_and_gcom()
    scene.join("t", name="tablet")
    scene.join("n2", name="node")
    assert scene.facts_of(RoomOverfull) == [RoomOverfull("default", ("gcom", "node", "tablet"), 2)]


def test_names_differ_from_room_to_room() -> None:
    scene = node_and_gcom()
    scene.join("other", name="node", room="drone-2")
    assert scene.heard("n1") == scene.heard("g") == []
    assert scene.heard("other") == ["welcome []"]


def test_fourth_takeover_in_30_seconds_is_refused() -> None:
    scene = contested()
    assert scene.heard("n4") == ["welcome [gcom]", "joined gcom impolite"]
    assert scene.say("g", to="node").delivered == 1
    assert scene.heard("n4") == ["offer #1 from gcom"]


def test_refusal_names_the_address_of_the_holder_in_the_log_alone() -> None:
    scene = contested()
    with pytest.raises(Rejection) as refused:
        scene.join("n6", name="node")
    assert refused.value.note == "the current holder is at address-of-n4"
    assert "address" not in str(refused.value.payload())
    assert (
        scene.facts_of(Rejected) == []
    )  # the transport, which knows both addresses, makes that fact


def test_contested_name_is_kept_even_when_30_seconds_have_passed() -> None:
    scene = contested()
    scene.wait(60)
    with pytest.raises(Rejection) as refused:
        scene.join("n6", name="node")
    assert refused.value.code == "name-in-use"


def test_contested_name_is_free_once_its_holder_has_left() -> None:
    scene = contested()
    scene.lose("n4")
    scene.heard("g")
    scene.join("n6", name="node")
    assert scene.heard("g") == ["joined node polite"]


def test_contested_name_is_free_while_its_holder_is_away() -> None:
    scene = node_and_gcom()
    for sid in ("n2", "n3", "n4"):
        scene.join(sid, name="node", session=f"key-of-{sid}")
        scene.show_life(f"n{int(sid[1]) - 1}")
    with pytest.raises(Rejection):
        scene.join("n5", name="node")
    scene.lose("n4")
    scene.join("n5", name="node")
    assert scene.heard("n5") == ["welcome [gcom]", "joined gcom impolite"]


def test_takeovers_far_apart_are_reboots_and_are_admitted() -> None:
    scene = node_and_gcom()
    for number in range(2, 10):
        scene.join(f"n{number}", name="node")
        scene.wait(10.1)
    assert len(scene.facts_of(PeerReplaced)) == 8


def test_takeover_of_an_absent_peer_sends_nothing_to_its_dead_connection() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node", session="first run")
    scene.lose("n2")
    scene.heard("n2")
    scene.heard("g")
    scene.join("n3", name="node", session="after the reboot")
    assert scene.heard("n2") == []
    assert scene.heard("g") == ["joined node polite rejoined"]
    scene.wait(60)
    assert scene.heard("g") == []


def test_reboots_of_an_absent_node_do_not_count_as_takeovers() -> None:
    scene = node_and_gcom()
    scene.lose("n1")
    for run in range(2, 8):
        scene.join(f"n{run}", name="node", session=f"run {run}")
        scene.lose(f"n{run}")
    scene.join("n8", name="node")
    assert scene.facts_of(PeerReplaced) == []
    scene.join("n9", name="node")
    assert scene.heard("n9") == ["welcome [gcom]", "joined gcom impolite"]


def test_client_without_a_name_replaces_nobody() -> None:
    scene = Scene()
    scene.join("a")
    scene.join("b")
    assert scene.heard("a") == ["welcome []", "joined b polite"]


def test_page_that_is_reloaded_leaves_dead_connections_and_is_no_contest() -> None:
    scene = node_and_gcom()
    for number in range(2, 20):
        scene.join(f"n{number}", name="node")
        scene.lose(f"n{number - 1}")
    assert scene.facts_of(NameContested) == []


def test_replaced_client_that_lives_is_a_fact_once() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    scene.show_life("n1", "n1", "stranger")
    assert scene.facts_of(NameContested) == [
        NameContested("n1", "node", "default", "address-of-n1", "address-of-n2")
    ]


def test_signal_and_goodbye_of_a_replaced_client_show_that_it_lives() -> None:
    scene = node_and_gcom()
    scene.join("n2", name="node")
    with pytest.raises(AssertionError, match="passed the signal over"):
        scene.say("n1")
    scene.join("n3", name="node")
    scene.leave("n2")
    assert len(scene.facts_of(NameContested)) == 2
    scene.join("n4", name="node")
    scene.show_life("n3")
    with pytest.raises(Rejection):
        scene.join("n5", name="node")


def test_sign_of_life_counts_even_after_the_next_takeover() -> None:
    scene = node_and_gcom()
    for sid in ("n2", "n3", "n4"):
        scene.join(sid, name="node")
    scene.show_life("n1", "n2", "n3")
    with pytest.raises(Rejection):
        scene.join("n5", name="node")


def test_session_that_comes_back_over_its_old_connection_is_no_takeover() -> None:
    scene = Scene()
    scene.join("n1", name="node", session="key")
    scene.join("n2", name="node", session="key")
    scene.show_life("n1")
    assert scene.facts_of(NameContested) == []


def test_two_tabs_do_not_put_each_other_out_by_a_rule() -> None:
    scene = Scene()
    scene.join("a", name="gcom", by_rule="rule 1")
    scene.join("b", name="gcom", by_rule="rule 1")
    assert scene.heard("b") == ["welcome [gcom]", "joined gcom polite"]
    assert scene.heard("a") == ["welcome []", "joined b impolite"]
    room = scene.relay.rooms["default"]
    assert [peer.by_rule for peer in room.peers.values()] == ["rule 1", None]


def test_rule_gives_the_name_of_a_holder_that_is_gone() -> None:
    scene = Scene()
    scene.join("a", name="gcom", by_rule="rule 1", address="10.0.0.2")
    more = {"address": "10.0.0.2", "holder": Pulse.CLOSED}
    scene.join("b", name="gcom", by_rule="rule 1", **more)
    assert scene.heard("b") == ["welcome []"]
    assert scene.heard("a")[1:] == ["error replaced", "closed replaced"]


def test_connection_of_a_holder_is_found() -> None:
    scene = node_and_gcom()
    scene.join("s", name="tablet", session="key")
    scene.lose("s")
    hellos = [Hello("default", "node"), Hello("default", "tablet"), Hello("default"), Hello("x")]
    assert [scene.relay.holder_of(hello) for hello in hellos] == ["n1", None, None, None]
