from __future__ import annotations

import itertools

import pytest

from signaling_server.core.config.schema import HoldSettings
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.peers import TRANSITIONS, Change, Peer, Room, State
from signaling_server.errors import Rejection


def peer(
    sid: str = "sid", name: str | None = None, session: str | None = None, role: str | None = None
) -> Peer:
    hello = Hello("drone-1", name, role, session)
    return Peer(Room("drone-1"), Joined(sid, hello, "10.0.0.2", "websocket"), Budget(10_000))


def test_peer_is_known_by_its_name_or_by_its_connection() -> None:
    assert peer("sid", "node").peer_id == "node"
    assert peer("sid").peer_id == "sid"


def test_peer_describes_only_what_it_has() -> None:
    assert peer().description == {"peer_id": "sid"}
    described = peer(name="node", role="sender", session="key").description
    assert described == {"peer_id": "node", "name": "node", "role": "sender", "session": "key"}


def test_only_a_session_is_worth_a_replay() -> None:
    assert peer().replay is None
    assert peer(session="key").replay is not None


def test_life_of_a_peer() -> None:
    node = peer(session="key")
    assert node.present
    for change, state in [
        (Change.BROKE, State.AWAY),
        (Change.RETURNED, State.PRESENT),
        (Change.RETURNED, State.PRESENT),
        (Change.BROKE, State.AWAY),
        (Change.EXPIRED, State.GONE),
    ]:
        node.change(change)
        assert node.state is state
        assert node.present is (state is State.PRESENT)


@pytest.mark.parametrize(
    ("state", "change"),
    [pair for pair in itertools.product(State, Change) if pair not in TRANSITIONS],
)
def test_impossible_change_is_a_bug(state: State, change: Change) -> None:
    node = peer()
    node.state = state
    with pytest.raises(KeyError):
        node.change(change)


def test_room_keeps_the_order_of_arrival() -> None:
    room = Room("drone-1")
    node, gcom, third = peer("c", "node"), peer("a", session="key"), peer("b")
    for one in (node, gcom, third):
        room.add(one)
    assert room.others(gcom) == [node, third]
    assert room.sessions == {(None, "key"): gcom}
    room.remove(gcom)
    room.remove(node)
    assert room.others(gcom) == [third]
    assert room.sessions == {}


def test_signal_goes_to_all_others_or_to_the_one_named() -> None:
    room = Room("drone-1")
    node, gcom, third = peer("c", "node"), peer("a"), peer("b")
    for one in (node, gcom, third):
        room.add(one)
    assert room.receivers(gcom, None) == [node, third]
    assert room.receivers(gcom, "node") == [node]
    for nobody in ("a", "elsewhere"):
        with pytest.raises(Rejection) as refused:
            room.receivers(gcom, nobody)
        assert refused.value.payload()["to"] == nobody


def test_name_of_a_missing_receiver_is_cut_in_the_answer() -> None:
    with pytest.raises(Rejection) as refused:
        Room("drone-1").receivers(peer(), "x" * 1000)
    assert refused.value.payload()["to"] == "x" * 64


def test_earlier_of_expiry_and_end_of_absence_is_the_deadline_of_a_peer() -> None:
    node = peer("sid", "node", session="key")
    assert node.next_deadline(60.0) is None
    node.change(Change.BROKE)
    node.away_until = 130.0
    assert node.next_deadline(60.0) == 130.0
    node.hold.add(Signal("offer", None, 10, "{"), HoldSettings(), 50.0)
    assert node.next_deadline(60.0) == 110.0
    node.away_until = 100.0
    assert node.next_deadline(60.0) == 100.0


def test_client_has_not_heard_of_what_is_held_or_expired_while_it_was_away() -> None:
    node = peer("sid", "node", session="key")
    node.hold.add(Signal("offer", None, 10, "{"), HoldSettings(), 50.0)
    node.untold = 2
    assert node.unheard == 3
