"""Signals that have passed and are not yet read.

Goal: to relay a signal costs insight a few hundred nanoseconds; to read one (JSON, SDP) costs a
hundred times as much. So a signal is only put aside while it is relayed, and read when the server
has time for it. A flood of signals may go unread, and must take neither the CPU nor the memory that
relaying needs.

Plan: one queue for each room. `digest` reads in turns, one signal of each room, so that a busy room
does not keep the others waiting; it stops after DIGEST_BYTES, and a token bucket bounds how many
signals are read in the long run. What finds its room's queue or the memory full is not read at all.
Any other fact about a room waits in the same queue: who leaves and rejoins must not get the offer
of its earlier life. So nothing that a client does makes the server read more at once than a turn
allows. If a room's queue is full of what waits, its signals stay unread and the rest is recorded.

Worst case: PENDING_BYTES, ROOM_PENDING entries of a room. A fact is recorded as late as the signals
before it are read, in a flood some seconds.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Tuple, Union

from signaling_server.core.protocol.events import SignalAccepted
from signaling_server.core.protocol.limits import TokenBucket

DIGEST_SECONDS = 0.25
"""How long a signal may wait for `digest`."""
BREATH_SECONDS = 0.01
"""How soon a `digest` that stopped early goes on: signals pass in between."""
DIGEST_BYTES = 16_384
"""How much one `digest` reads, a signal counting READING bytes beside its own: 0.1 ms."""
READING = 4096
READ_BURST = 1024
READ_PER_SECOND = 50
"""Signals that are read of a flood: enough for 20 negotiations at once, and no flood."""
ROOM_PENDING = 128
PENDING_BYTES = 524_288
ACT_BYTES = 512
"""What a fact that waits counts."""

Act = Callable[[], None]
Pending = Deque[Tuple[float, Union[SignalAccepted, Act]]]


class Backlog:
    """The unread signals of all rooms.

    `read` is called for each that is read, with the time at which it passed. You must call `digest`
    within DIGEST_SECONDS while `pending`.
    """

    def __init__(self, read: Callable[[SignalAccepted, float], None]) -> None:
        self._read = read
        self._rooms: dict[str, Pending] = {}
        """By name, without those that have nothing to read; the next one to be read first."""
        self._bytes = 0
        """Of all unread signals."""
        self._pace = TokenBucket(READ_PER_SECOND, READ_BURST, 0.0)

    @property
    def pending(self) -> bool:
        """Whether `digest` has something to do."""
        return bool(self._rooms)

    def add(self, fact: SignalAccepted, now: float) -> None:
        """Put a signal aside, or leave it unread if too much waits."""
        pending, size = self._rooms.get(fact.room), fact.signal.size
        if self._bytes + size > PENDING_BYTES:
            return
        if pending is None:
            self._rooms[fact.room] = deque([(now, fact)])
        elif len(pending) < ROOM_PENDING:
            pending.append((now, fact))
        else:
            return
        self._bytes += size

    def after(self, room: str, act: Act, now: float) -> None:
        """Call `act` when the signals of a room that passed before it are read: at once if all are.

        If too much waits, they stay unread.
        """
        pending = self._rooms.get(room)
        if pending is None:
            act()
            return
        pending.append((now, act))
        self._bytes += ACT_BYTES
        if len(pending) > ROOM_PENDING or self._bytes > PENDING_BYTES:
            self._skip(room)

    def digest(self, now: float) -> bool:
        """Read as many signals as one turn of the event loop may take.

        True if more is pending and only fairness to others is a reason to pause.
        """
        left = DIGEST_BYTES
        while self._rooms and left > 0:
            room = next(iter(self._rooms))
            pending = self._rooms[room]
            if isinstance(pending[0][1], SignalAccepted) and not self._pace.take(now):
                return False
            del self._rooms[room]
            left -= self._take_oldest(pending)
            if pending:
                self._rooms[room] = pending  # behind all others
        return self.pending

    def _skip(self, room: str) -> None:
        """Leave the signals of a room unread, and do the rest."""
        for _, entry in self._rooms.pop(room):
            self._bytes -= _size(entry)
            if not isinstance(entry, SignalAccepted):
                entry()

    def _take_oldest(self, pending: Pending) -> int:
        """Read or do it; returns what that counts."""
        at, entry = pending.popleft()
        size = _size(entry)
        self._bytes -= size
        if not isinstance(entry, SignalAccepted):
            entry()
            return size
        self._read(entry, at)
        return READING + size


def _size(entry: SignalAccepted | Act) -> int:
    return entry.signal.size if isinstance(entry, SignalAccepted) else ACT_BYTES
