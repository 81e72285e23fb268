"""The memories of all rooms, also of those in which nobody is at the moment."""

from __future__ import annotations

from collections import OrderedDict

from signaling_server.core.insight.last_seen import ROOMS, RoomMemory
from signaling_server.core.protocol.events import PeerJoined

RESTART_SECONDS = 60.0
"""A client with a session that joins so soon after the server's start may have been here before."""


class Memories:
    """By room; the one in which somebody left longest ago is forgotten first."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._rooms: OrderedDict[str, RoomMemory] = OrderedDict()

    def of(self, room: str, now: float) -> RoomMemory:
        """Who was in a room lately."""
        memory = self._rooms.get(room)
        if memory is None or not memory.forget(now):
            return RoomMemory()
        return memory

    def keep(self, room: str, memory: RoomMemory) -> None:
        """Remember a room, because somebody has left it."""
        self._rooms[room] = memory
        self._rooms.move_to_end(room)
        if len(self._rooms) > ROOMS:
            self._rooms.popitem(last=False)

    def old_run(self, fact: PeerJoined, now: float) -> bool:
        """Whether a newcomer's program may have run before, so that a call of it may stand.

        Programs without a session negotiate anew each time.
        """
        restarted = now - self._started_at < RESTART_SECONDS
        return fact.session is not None and (fact.seen > 0 or restarted)
