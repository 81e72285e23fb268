"""Two peers meet: who hears of whom, in which order, and what reaches whom."""

from __future__ import annotations

import pytest

from scenarios.scene import Scene
from signaling_server.core.protocol.events import RoomOverfull
from signaling_server.core.protocol.peers import Peer
from signaling_server.errors import Rejection


def test_node_that_joins_second_hears_of_gcom() -> None:
    scene = Scene()
    scene.join("g", name="gcom")
    scene.join("n", name="node")
    assert scene.heard("g") == ["welcome []", "joined node polite"]
    assert scene.heard("n") == ["welcome [gcom]", "joined gcom impolite"]


def test_node_that_joins_first_hears_of_gcom() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom")
    assert scene.heard("n") == ["welcome []", "joined gcom impolite"]
    assert scene.heard("g") == ["welcome [node]", "joined node polite"]


def test_newcomer_hears_of_those_present_oldest_first() -> None:
    scene = Scene()
    for sid in "cab":
        scene.join(sid)
    scene.join("d")
    assert scene.heard("d") == [
        "welcome [c a b]",
        "joined c impolite",
        "joined a impolite",
        "joined b impolite",
    ]


def test_announce_newcomers_tells_only_those_present() -> None:
    scene = Scene(rooms={"announce": "newcomers"})
    scene.join("g", name="gcom")
    scene.join("n", name="node")
    assert scene.heard("g") == ["welcome []", "joined node polite"]
    assert scene.heard("n") == ["welcome [gcom]"]


def test_peer_joined_has_name_role_and_a_hash_of_the_session() -> None:
    scene = Scene()
    scene.join("g")
    scene.join("n", name="node", role="streaming-node", session="secret-key")
    event, payload = scene.payloads["g"][-1]
    session = payload.pop("session")
    assert event == "peer_joined"
    assert payload == {"peer_id": "node", "name": "node", "role": "streaming-node", "polite": True}
    assert len(session) == 32
    assert "secret" not in session
    scene.join("h")
    assert scene.payloads["h"][0][1]["peers"][1]["session"] == session


def test_exactly_one_of_two_is_polite() -> None:
    scene = Scene()
    scene.join("a", name="gcom")
    scene.join("b", name="node")
    assert scene.payloads["a"][-1][1]["polite"] is not scene.payloads["b"][-1][1]["polite"]


def test_signal_without_to_reaches_all_others() -> None:
    scene = Scene()
    for sid in ("n", "g", "h"):
        scene.join(sid)
        scene.heard(sid)
    for sid in ("n", "g"):
        scene.heard(sid)
    answer = scene.say("n")
    assert (answer.delivered, answer.held) == (2, 0)
    assert scene.heard("g") == scene.heard("h") == ["offer #1 from n"]
    assert scene.heard("n") == []


def test_signal_with_to_reaches_that_peer_alone() -> None:
    scene = Scene()
    for sid in ("n", "g", "h"):
        scene.join(sid)
    for sid in ("n", "g", "h"):
        scene.heard(sid)
    assert scene.say("n", "answer", to="h").delivered == 1
    assert scene.heard("h") == ["answer #1 from n"]
    assert scene.heard("g") == scene.heard("n") == []


@pytest.mark.parametrize("to", ["nobody", "n", "other-room-peer"])
def test_signal_to_a_missing_peer_is_refused(to: str) -> None:
    scene = Scene()
    scene.join("n")
    scene.join("g")
    scene.join("other-room-peer", room="elsewhere")
    with pytest.raises(Rejection) as refused:
        scene.say("n", to=to)
    assert refused.value.code == "peer-not-found"
    assert scene.heard("other-room-peer") == ["welcome []"]


def test_rooms_do_not_see_each_other() -> None:
    scene = Scene()
    scene.join("n1", name="node", room="drone-1")
    scene.join("n2", name="node", room="drone-2")
    scene.join("g1", name="gcom", room="drone-1")
    scene.say("n1", to="gcom")
    scene.say("n1")
    assert scene.heard("n2") == ["welcome []"]
    assert scene.heard("g1") == [
        "welcome [node]",
        "joined node polite",
        "offer #1 from node",
        "offer #2 from node",
    ]


def test_room_hears_that_a_peer_has_left() -> None:
    scene = Scene()
    scene.join("g", name="gcom")
    scene.join("n", name="node")
    scene.heard("g")
    scene.leave("n")
    assert scene.heard("g") == ["left node goodbye"]
    assert scene.payloads["g"][-1][1]["name"] == "node"
    scene.lose("g")
    assert not scene.relay.rooms
    assert not scene.relay.peers


def test_unnamed_peer_leaves_without_a_name() -> None:
    scene = Scene()
    scene.join("g")
    scene.join("n")
    scene.leave("n")
    assert scene.payloads["g"][-1] == ("peer_left", {"peer_id": "n", "reason": "goodbye"})


def test_end_of_an_unknown_connection_changes_nothing() -> None:
    scene = Scene()
    scene.join("g")
    scene.leave("ghost")
    assert scene.heard("g") == ["welcome []"]


def test_more_peers_than_expected_is_a_fact_and_nobody_is_refused() -> None:
    scene = Scene()
    for sid in "abc":
        scene.join(sid)
    assert scene.facts_of(RoomOverfull) == [RoomOverfull("default", ("a", "b", "c"), 2)]


def test_full_room_refuses_a_newcomer_and_only_there() -> None:
    scene = Scene(rooms={"max_peers": 2})
    scene.join("a")
    scene.join("b", name="gcom")
    with pytest.raises(Rejection) as refused:
        scene.join("c")
    assert refused.value.code == "room-full"
    scene.join("d", room="elsewhere")
    scene.join("e", name="gcom")  # takes a place that is there
    assert len(scene.relay.rooms["default"].peers) == 2


def test_too_many_rooms_are_refused() -> None:
    scene = Scene(rooms={"max_rooms": 1})
    scene.join("a")
    scene.join("b")
    with pytest.raises(Rejection) as refused:
        scene.join("c", room="elsewhere")
    assert refused.value.code == "server-full"


def test_name_of_an_unnamed_peer_is_refused() -> None:
    scene = Scene()
    scene.join("abc")
    with pytest.raises(Rejection) as refused:
        scene.join("d", name="abc")
    assert refused.value.code == "invalid-name"


def test_unknown_transition_is_a_bug_and_says_so() -> None:
    scene = Scene()
    scene.join("a")
    peer: Peer = scene.relay.peers["a"]
    scene.leave("a")
    with pytest.raises(KeyError):
        peer.change(peer_change_that_cannot_be())


def peer_change_that_cannot_be():  # type: ignore[no-untyped-def]
    from signaling_server.core.protocol.peers import Change

    return Change.RETURNED
