"""Session and resume: a client that comes back soon after a break has missed nothing."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.scene import Scene
from signaling_server.core.protocol.events import (
    HeldSignalsExpired,
    PeerAway,
    PeerLeft,
    PeerResumed,
)
from signaling_server.errors import Rejection


def node_and_gcom(**sections: dict[str, Any]) -> Scene:
    """gcom has a session, node has none; what they heard so far is forgotten."""
    scene = Scene(**sections)
    scene.join("g", name="gcom", session="key")
    scene.join("n", name="node")
    scene.heard("g")
    scene.heard("n")
    return scene


def gcom_returns(scene: Scene, seen: int = 0, sid: str = "g2") -> list[str]:
    scene.join(sid, name="gcom", session="key", seen=seen)
    return scene.heard(sid)


# --- break and goodbye ----------------------------------------------------------------------------


def test_nobody_hears_of_a_break_while_the_session_may_come_back() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.wait(29.9)
    assert scene.heard("n") == []
    assert scene.facts_of(PeerAway) == [PeerAway("g", "gcom", "default", "ping-timeout", 30.0)]


def test_nobody_hears_of_a_return_in_time_either() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.wait(29.9)
    assert gcom_returns(scene) == ["welcome back [node]"]
    scene.wait(60)
    assert scene.heard("n") == []
    assert scene.facts_of(PeerResumed) == [
        PeerResumed("g2", "gcom", "default", "address-of-g2", "websocket", 0)
    ]


def test_peer_that_returned_in_time_hears_nothing_when_the_window_ends() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.wait(10)
    assert gcom_returns(scene) == ["welcome back [node]"]
    scene.wait(60)
    assert scene.heard("g2") == []
    assert scene.facts_of(HeldSignalsExpired) == []


def test_others_hear_of_the_end_of_the_window() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.wait(30)
    assert scene.heard("n") == ["left gcom connection-lost"]
    assert gcom_returns(scene) == ["welcome [node]", "joined node polite"]
    assert scene.heard("n") == ["joined gcom impolite"]


def test_goodbye_ends_a_session_at_once() -> None:
    scene = node_and_gcom()
    scene.leave("g")
    assert scene.heard("n") == ["left gcom goodbye"]
    assert gcom_returns(scene) == ["welcome [node]", "joined node polite"]


def test_break_without_a_session_ends_at_once() -> None:
    scene = node_and_gcom()
    scene.lose("n")
    assert scene.heard("g") == ["left node ping-timeout"]


def test_window_of_0_means_that_a_break_is_an_end() -> None:
    scene = node_and_gcom(resume={"window": 0.0})
    scene.lose("g")
    assert scene.heard("n") == ["left gcom ping-timeout"]
    assert gcom_returns(scene) == ["welcome [node]", "joined node polite"]


def test_peer_that_broke_twice_has_a_whole_window_again() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.wait(20)
    gcom_returns(scene)
    scene.lose("g2")
    scene.wait(29)
    assert gcom_returns(scene, sid="g3") == ["welcome back [node]"]


# --- signals --------------------------------------------------------------------------------------


def test_signals_to_a_session_are_numbered() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.say("n", "ice-candidate", to="gcom")
    assert scene.heard("g") == ["offer #1 from node seq=1", "ice-candidate #2 from node seq=2"]
    scene.say("g", "answer", to="node")
    assert scene.heard("n") == ["answer #3 from gcom"]


def test_signals_to_a_peer_that_is_away_wait_for_it() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    offer, candidate = scene.say("n"), scene.say("n", "ice-candidate", to="gcom")
    assert (offer.delivered, offer.held) == (candidate.delivered, candidate.held) == (0, 1)
    assert gcom_returns(scene) == [
        "welcome back [node]",
        "offer #1 from node seq=1",
        "ice-candidate #2 from node seq=2",
    ]


def test_signals_written_to_a_dead_connection_are_sent_again_once_and_in_order() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.say("n", "ice-candidate")  # from here on the connection is dead
    scene.say("n", "ice-candidate")
    scene.lose("g")
    scene.say("n", "ice-candidate")
    assert gcom_returns(scene, seen=1) == [
        "welcome back [node]",
        "ice-candidate #2 from node seq=2",
        "ice-candidate #3 from node seq=3",
        "ice-candidate #4 from node seq=4",
    ]
    scene.say("n", "ice-candidate")
    assert scene.heard("g2") == ["ice-candidate #5 from node seq=5"]


def test_return_may_break_too() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.lose("g")
    expected = ["welcome back [node]", "offer #1 from node seq=1"]
    assert gcom_returns(scene) == expected
    scene.wait(25)
    scene.lose("g2")
    assert gcom_returns(scene, sid="g3") == expected


def test_return_before_the_break_was_noticed() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.heard("g")
    assert gcom_returns(scene) == ["welcome back [node]", "offer #1 from node seq=1"]
    assert scene.heard("g") == ["error replaced", "closed replaced"]
    scene.lose("g")
    scene.wait(60)
    assert scene.heard("n") == []
    assert scene.say("n").delivered == 1


def test_sender_hears_that_the_queue_of_an_absent_peer_is_full() -> None:
    scene = node_and_gcom(resume={"max_messages": 1})
    scene.lose("g")
    scene.say("n")
    with pytest.raises(Rejection) as refused:
        scene.say("n", "ice-candidate")
    assert refused.value.code == "hold-full"
    assert refused.value.payload()["to"] == "gcom"
    assert gcom_returns(scene) == ["welcome back [node]", "offer #1 from node seq=1"]


def test_full_queue_of_one_peer_costs_the_others_nothing() -> None:
    scene = node_and_gcom(resume={"max_messages": 2})
    scene.join("h", name="third")
    scene.heard("n")
    scene.lose("g")
    scene.say("n", to="gcom")
    scene.say("n", "ice-candidate", to="gcom")
    scene.heard("h")
    answer = scene.say("n", "ice-candidate")
    assert (answer.delivered, answer.held) == (1, 0)
    assert scene.heard("h") == ["ice-candidate #3 from node"]
    assert scene.heard("n") == ["error hold-full"]
    assert scene.payloads["n"][-1][1]["to"] == "gcom"


def test_delivered_signals_take_no_room_from_waiting_ones() -> None:
    scene = node_and_gcom(resume={"max_messages": 2})
    scene.say("n")
    scene.say("n", "ice-candidate")
    scene.wait(41)  # ping_interval + 3 * ping_timeout, and the connection still lives
    scene.lose("g")
    scene.heard("g")
    scene.say("n")
    scene.say("n", "ice-candidate")
    assert gcom_returns(scene, seen=2) == [
        "welcome back [node]",
        "offer #3 from node seq=3",
        "ice-candidate #4 from node seq=4",
    ]


def test_signal_is_kept_until_a_dead_connection_would_have_been_found_dead() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.wait(39.9)  # ping_interval + 3 * ping_timeout is 40: it may have died before the signal
    scene.lose("g")
    scene.heard("g")
    assert gcom_returns(scene) == ["welcome back [node]", "offer #1 from node seq=1"]


def test_gap_means_a_new_peer() -> None:
    scene = node_and_gcom(resume={"max_messages": 2})
    for _ in range(3):
        scene.say("n", "ice-candidate")
    scene.lose("g")
    assert gcom_returns(scene, seen=0) == ["welcome [node]", "joined node polite"]
    assert scene.heard("n") == ["joined gcom impolite rejoined"]


def test_gap_for_want_of_memory_is_not_forgotten_over_later_signals() -> None:
    scene = node_and_gcom(resume={"max_messages": 2}, limits={"memory_bytes": 1500})
    scene.say("n", "ice-candidate")
    scene.say("n", padding="x" * 1000)  # no memory to keep it
    scene.say("n", "ice-candidate")
    scene.say("n", "ice-candidate")
    scene.lose("g")
    assert gcom_returns(scene, seen=1)[0] == "welcome [node]"


def test_gap_before_what_was_seen_does_not_matter() -> None:
    scene = node_and_gcom(resume={"max_messages": 2})
    for _ in range(3):
        scene.say("n", "ice-candidate")
    scene.lose("g")
    assert gcom_returns(scene, seen=1)[0] == "welcome back [node]"


def test_unnamed_peer_with_a_gap_leaves_and_joins_and_finds_its_place_free() -> None:
    scene = Scene(resume={"max_messages": 1}, rooms={"max_peers": 2})
    scene.join("n", name="node")
    scene.join("u", session="key")
    scene.say("n")
    scene.say("n", "ice-candidate")
    scene.heard("n")
    scene.join("u2", session="key")
    assert scene.heard("u2") == ["welcome [node]", "joined node impolite"]
    assert scene.heard("n") == ["left u session-lost", "joined u2 polite"]
    assert scene.facts_of(PeerLeft) == [PeerLeft("u", "u", "default", "session-lost")]


def test_signals_of_a_departed_sender_are_dropped() -> None:
    scene = node_and_gcom()
    scene.join("h", name="third")
    scene.lose("g")
    scene.say("n", to="gcom")
    scene.say("h", to="gcom")
    scene.leave("n")
    assert gcom_returns(scene) == [
        "welcome back [third]",
        "offer #2 from third seq=2",
        "left node goodbye",
    ]


def test_signals_from_before_a_reboot_are_dropped() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.say("n", to="gcom")
    scene.join("n2", name="node")
    scene.say("n2", to="gcom")
    assert gcom_returns(scene) == [
        "welcome back [node]",
        "joined node polite rejoined",
        "offer #2 from node seq=2",
    ]


def test_nothing_remains_when_all_have_left() -> None:
    scene = node_and_gcom()
    scene.say("n")
    scene.lose("g")
    scene.say("n")
    assert scene.relay.budget.used > 0
    scene.leave("n")
    scene.wait(30)
    assert scene.relay.budget.used == 0
    assert scene.relay.rooms == {}
    assert scene.relay.next_deadline() is None


# --- what else happened meanwhile -----------------------------------------------------------------


def test_peer_that_was_away_hears_who_came_and_who_went() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.leave("n")
    scene.join("n2", name="node")
    assert gcom_returns(scene) == ["welcome back [node]", "left node goodbye", "joined node polite"]


def test_newcomer_sees_the_peer_that_is_away() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.join("h", name="third")
    assert scene.heard("h") == [
        "welcome [gcom node]",
        "joined gcom impolite",
        "joined node impolite",
    ]


def test_returning_peer_does_not_see_a_ghost_when_a_leave_could_not_be_kept() -> None:
    scene = node_and_gcom(resume={"max_messages": 2})
    scene.lose("g")
    scene.join("h", name="third")
    scene.say("n", to="gcom")  # no room for more
    scene.leave("h")
    assert gcom_returns(scene) == ["welcome back [node]", "offer #1 from node seq=1"]


def test_held_signals_of_an_absent_peer_keep_waiting() -> None:
    scene = Scene()
    scene.join("n", name="node", session="key")
    scene.say("n")
    scene.lose("n")
    scene.join("g", name="gcom")
    assert scene.heard("g") == ["welcome [node]", "joined node polite", "offer #1 from node"]
    scene.heard("n")
    scene.join("n2", name="node", session="key")
    assert scene.heard("n2") == ["welcome back [gcom]", "joined gcom impolite held=1"]


def test_peer_hears_of_an_expiry_when_it_is_back() -> None:
    scene = Scene(hold={"max_age": 5.0})
    scene.join("n", session="key")
    scene.say("n")
    scene.lose("n")
    scene.wait(10)
    scene.join("n2", session="key")
    assert scene.heard("n2") == ["welcome back []", "error expired"]


# --- who is who -----------------------------------------------------------------------------------


def test_unnamed_peer_keeps_its_id() -> None:
    scene = Scene()
    scene.join("g", name="gcom")
    scene.join("u", session="key")
    scene.lose("u")
    scene.join("u2", session="key")
    assert scene.payloads["u2"][0][1]["peer_id"] == "u"
    scene.heard("u2")
    assert scene.say("g", to="u").delivered == 1
    assert scene.heard("u2") == ["offer #1 from gcom seq=1"]


def test_same_key_under_another_name_is_another_peer() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.join("x", name="gcom-2", session="key")
    assert scene.heard("x") == ["welcome [gcom node]", "joined gcom impolite", "joined node polite"]


def test_same_key_in_another_room_is_another_peer() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.join("x", name="gcom", room="drone-2", session="key")
    assert scene.heard("x") == ["welcome []"]


def test_another_session_under_the_name_takes_it_over() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    scene.say("n")
    scene.join("g2", name="gcom", session="another key")
    assert scene.heard("g2") == ["welcome [node]", "joined node polite"]
    assert scene.heard("n") == ["joined gcom impolite rejoined"]


def test_session_hash_is_the_same_after_a_restart_of_the_relay() -> None:
    hashes = set()
    for scene in (node_and_gcom(), node_and_gcom()):
        scene.join("h")
        hashes.add(scene.payloads["h"][0][1]["peers"][0]["session"])
    assert len(hashes) == 1


def test_after_a_restart_of_the_relay_the_numbers_go_on_from_what_was_seen() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom", session="key", seen=17)
    scene.say("n")
    assert scene.heard("g")[-1] == "offer #1 from node seq=18"


def test_lost_welcome_after_a_restart_loses_no_signal() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom", session="key", seen=1)
    scene.say("n")
    scene.say("n", "ice-candidate")
    scene.lose("g")  # and nothing has arrived, not even the welcome
    assert gcom_returns(scene, seen=1) == [
        "welcome back [node]",
        "offer #1 from node seq=2",
        "ice-candidate #2 from node seq=3",
    ]


def test_number_that_was_never_given_means_a_new_peer() -> None:
    scene = node_and_gcom()
    scene.lose("g")
    assert gcom_returns(scene, seen=5) == ["welcome [node]", "joined node polite"]


def test_delivered_signals_expire_even_in_a_silent_room() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom", session="key")
    scene.say("n")
    assert scene.relay.budget.used > 0
    scene.wait(120)
    scene.tick()
    assert scene.relay.budget.used == 0
