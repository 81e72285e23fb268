"""Joins of a crowd, one after the other: each costs as much as there are peers in the room.

Who joins a room of 600 is told of 600 and they of him. A few of these at once would make everybody
wait, so a join of a crowded room waits for its turn; a room of a few peers never waits.
"""

from __future__ import annotations

from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.errors import Rejection

SECONDS_A_PEER = 10e-6
"""The time of each: twice what telling takes, so that crowds get half of the time."""
LONGEST = 4.0
"""The longest wait in seconds: a client that waits more is refused, and tries again."""


class Joins:
    """The turns of those who join crowds. `now` is in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def wait(self, peers: int, now: float) -> float:
        """Seconds that the next client of a room with so many peers has to wait for its turn.

        Raises Rejection `server-full`, which is temporary, if the wait is longer than LONGEST.
        """
        if peers < CROWD:
            return 0.0
        turn = max(now, self._free_at)
        if turn - now > LONGEST:
            raise Rejection("server-full", "too many clients join crowded rooms at once")
        self._free_at = turn + peers * SECONDS_A_PEER
        return turn - now
