from __future__ import annotations

import itertools

import pytest

from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.peers import TRANSITIONS, Change, Peer, Room, State


def peer(
    sid: str = "sid", name: str | None = None, session: str | None = None, role: str | None = None
) -> Peer:
    hello = Hello("drone-1", name, role, session)
    return Peer(Room("drone-1"), Joined(sid, hello, "10.0.0.2", "websocket"), Budget(1000))


def test_peer_is_known_by_its_name_or_by_its_connection() -> None:
    assert peer("sid", "node").peer_id == "node"
    assert peer("sid").peer_id == "sid"


def test_peer_describes_only_what_it_has() -> None:
    assert peer().describe() == {"peer_id": "sid"}
    described = peer(name="node", role="sender", session="key").describe()
    session = described.pop("session")
    assert described == {"peer_id": "node", "name": "node", "role": "sender"}
    assert session != "key"


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
def test_change_that_cannot_be_is_a_bug(state: State, change: Change) -> None:
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
