"""Limits that keep one client from using up what all share."""

from __future__ import annotations

from sys import getsizeof

_HEADER = getsizeof("")
OVERHEAD = 256
"""Bytes that a waiting packet costs beside its text: objects, containers, headers."""


def memory_of(text: str) -> int:
    """Bytes of memory that a text takes: one wide character makes each of them take 4."""
    return getsizeof(text) - _HEADER


def packet_cost(text: str, size: int = 0) -> int:
    """Bytes that a waiting packet counts: of its text here, or of `size` on the wire if more."""
    memory = getsizeof(text) - _HEADER  # memory_of without a call: each kept signal comes here
    return OVERHEAD + (size if size > memory else memory)


class Budget:
    """Bytes that all hold, replay and send queues share (`limits.memory_bytes`).

    What may wait (hold, replay) must `reserve` its bytes, and is refused if they are not free. What
    is already on its way (send queues, incoming frames) is charged in any case; if the budget is
    exceeded then, a connection that has more than its share is closed. So at most twice the total
    is ever used, and light users are not penalised for heavy ones.
    """

    __slots__ = ("share", "total", "used")

    def __init__(self, total: int, share: int = 0) -> None:
        self.total = total
        self.share = share
        """Bytes of the total for each connection."""
        self.used = 0

    def reserve(self, size: int) -> bool:
        """Reserve `size` bytes; False if they are not free."""
        if self.used + size > self.total:
            return False
        self.used += size
        return True

    def charge(self, size: int) -> None:
        """Count `size` bytes that are in memory already."""
        self.used += size

    def exceeded_by(self, size: int) -> bool:
        """Whether memory is short, and `size` bytes are more than the share of a connection."""
        return self.used > self.total and size > self.share

    def release(self, size: int) -> None:
        """Return `size` bytes that were reserved or charged."""
        self.used -= size


class TokenBucket:
    """`rate` a second on average, up to `burst` at once."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        left = self._left + (now - self._at) * self._rate
        self._at = now
        if left > self._burst:
            left = self._burst
        if left < 1:
            self._left = left
            return False
        self._left = left - 1
        return True


class Penalties:
    """Failed log-ins delay the verdict on the next ones from the same address.

    All connections of an address wait in one row: a verdict is given when its turn has come, and
    the next turn comes a delay later, which grows. At most `ADDRESSES` are remembered; the one that
    failed longest ago is forgotten first.
    """

    ADDRESSES = 1024
    FORGIVEN = 60.0
    """Seconds without a failure after which an address starts anew."""
    LONGEST = 5.0
    """The longest delay in seconds."""
    PATIENCE = 0.8
    """Seconds that an answer may take: python-socketio's `connect()` gives up after 1."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float, float]] = {}

    def failed(self, address: str, now: float) -> float:
        """Count a failure; returns the seconds until its turn.

        If that is more than PATIENCE, it has to be answered without a verdict, and has no turn.
        """
        count, at, turn = self._failures.pop(address, (0, now, now))
        if now - at >= self.FORGIVEN:
            count = 0
        turn = max(turn, now) if count else now
        wait = turn - now
        if wait <= self.PATIENCE:
            count += 1
            turn += min(self.LONGEST, 0.1 * 2 ** min(count, 10))
        self._failures[address] = (count, now, turn)
        if len(self._failures) > self.ADDRESSES:
            del self._failures[next(iter(self._failures))]
        return wait
