from __future__ import annotations

import pytest

from signaling_server.core.insight.last_seen import KEPT_SECONDS, ROOMS, Life, RoomMemory
from signaling_server.core.insight.memories import RESTART_SECONDS, Memories
from signaling_server.core.protocol.events import PeerJoined


def left(at: float = 100.0) -> RoomMemory:
    room = RoomMemory()
    room.left("node", None, None, Life(at - 1.0, at, "goodbye", "10.0.0.5"))
    return room


def test_room_that_is_empty_for_a_while_is_remembered() -> None:
    memories, room = Memories(0.0), left()
    memories.keep("drone-1", room)
    assert memories.of("drone-1", 101.0) is room
    assert memories.of("drone-1", 100.0 + KEPT_SECONDS) is not room
    assert memories.of("drone-2", 101.0).seen == {}


def test_rooms_are_bounded() -> None:
    memories = Memories(0.0)
    for number in range(ROOMS + 1):
        memories.keep(f"room-{number}", left())
    assert memories.of("room-0", 101.0).seen == {}
    assert memories.of("room-1", 101.0).seen != {}


@pytest.mark.parametrize(
    ("session", "seen", "seconds", "old"),
    [
        ("hash", 0, RESTART_SECONDS - 1.0, True),
        ("hash", 0, RESTART_SECONDS, False),
        ("hash", 3, RESTART_SECONDS, True),
        (None, 3, 1.0, False),
    ],
)
def test_program_with_a_session_may_have_run_before_the_server(
    session: str | None, seen: int, seconds: float, old: bool
) -> None:
    fact = PeerJoined("s", "node", "room", "a", "websocket", False, None, session, seen)
    assert Memories(100.0).old_run(fact, 100.0 + seconds) == old
