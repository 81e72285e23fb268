"""Copies that wait: rooms take turns, so that a crowd slows itself and no other.

Goal: one signal in a room of 300 peers is 299 copies, and 300 such signals a second are 89,000.
Whoever is in another room must not wait for them.

Plan: what follows from an event is carried out at once if it is little and nothing of its room
waits: so small rooms never come here. Everything else waits in a queue in which rooms take turns,
CHUNK commands each; COPIES_PER_TURN are carried out in one turn of the loop, and what came from
the network meanwhile goes between. A room's commands keep their order, so each connection, which is
in one room only, gets everything in order.

Worst case: MOST_COPIES wait, at 100 bytes each and the signals themselves; a signal that would add
to more than MOST_OF_A_ROOM, a second's work, is refused before it is relayed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
from typing import Callable, Iterator

from signaling_server.core.fair_queue import FairQueue
from signaling_server.core.protocol.events import Command

MANY = 64
"""Outputs of one event that are carried out at once."""
CHUNK = 16
COPIES_PER_TURN = 64
"""Commands in one turn of the loop: less than a millisecond."""
MOST_OF_A_ROOM = 100_000
MOST_COPIES = 200_000


class Copies:
    """The commands of crowded rooms; `carry_out` is called for each when its turn has come."""

    def __init__(self, carry_out: Callable[[Command], None]) -> None:
        self._carry_out = carry_out
        self._queue: FairQueue[Iterator[Command]] = FairQueue()
        self._by_room: Counter[str] = Counter()
        self._waiting = 0
        self._turn_is_set = False

    def __bool__(self) -> bool:
        return self._waiting > 0

    def __contains__(self, room: str) -> bool:
        return room in self._by_room

    def full(self, room: str) -> bool:
        """Whether a room has to wait before it may say more."""
        return self._by_room[room] > MOST_OF_A_ROOM or (
            self._waiting > MOST_COPIES and room in self._by_room
        )

    def add(self, room: str, commands: list[Command]) -> None:
        """Carry these out in their turn, behind those of the same room."""
        self._queue.add(room, iter(commands))
        self._by_room[room] += len(commands)
        self._waiting += len(commands)
        if not self._turn_is_set:
            self._turn_is_set = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def flush(self) -> None:
        """Carry everything out at once: the server stops."""
        while self._queue:
            self._take_chunk()

    def _take_turn(self) -> None:
        for _ in range(COPIES_PER_TURN // CHUNK):
            if self._queue:
                self._take_chunk()
        self._turn_is_set = bool(self._queue)
        if self._turn_is_set:
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_chunk(self) -> None:
        room, commands = self._queue.take()
        chunk = list(islice(commands, CHUNK))
        self._waiting -= len(chunk)
        self._by_room[room] -= len(chunk)
        if len(chunk) == CHUNK:  # perhaps there is more
            self._queue.put_back(room, commands)
        elif not self._by_room[room]:
            del self._by_room[room]
        for command in chunk:
            self._carry_out(command)
