"""Bounds that keep one client from taking what belongs to all."""

from __future__ import annotations

from sys import getsizeof

_HEADER = getsizeof("")
OVERHEAD = 256
"""Bytes that a packet costs beside its text: the objects around it."""


def memory_of(text: str) -> int:
    """Bytes that the characters of a text take here: one wide one makes all of them 4 bytes."""
    return getsizeof(text) - _HEADER


def packet_cost(text: str) -> int:
    """Bytes that a packet with this text counts while it waits."""
    return OVERHEAD + memory_of(text)


class Budget:
    """Bytes that all buffers, queues, holds and resume buffers share (`limits.memory_bytes`).

    What may wait (holds) is taken only while it is there. What is on its way (queues) is charged
    even if it is not; then whoever has more than his share has to go. So no more than twice the
    total is ever used, and who has little under way is not harmed by who has much.
    """

    __slots__ = ("share", "total", "used")

    def __init__(self, total: int, share: int = 0) -> None:
        self.total = total
        self.share = share
        """Bytes of the total for each connection."""
        self.used = 0

    def reserve(self, size: int) -> bool:
        """Reserve `size` bytes; False if they are not there."""
        if self.used + size > self.total:
            return False
        self.used += size
        return True

    def charge(self, size: int) -> None:
        """Count `size` bytes that are there already."""
        self.used += size

    def exceeded_by(self, size: int) -> bool:
        """Whether memory is short, and who has `size` bytes has more than his share."""
        return self.used > self.total and size > self.share

    def release(self, size: int) -> None:
        """Return `size` bytes that were taken or charged."""
        self.used -= size


class TokenBucket:
    """So many a second in the mean, `burst` at once."""

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
    """Failed log-ins slow the next ones from the same address.

    Bounded: of more than `ADDRESSES` the one that failed longest ago is forgotten.
    """

    ADDRESSES = 1024
    FORGIVEN = 60.0
    """Seconds without a failure after which an address is as good as new."""
    LONGEST = 5.0
    """Seconds that a failure is made to wait at the most, below every ping timeout."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = {}

    def failed(self, address: str, now: float) -> float:
        """Note a failure; returns the seconds to wait before it is answered."""
        count, at = self._failures.pop(address, (0, now))
        count = count + 1 if now - at < self.FORGIVEN else 1
        self._failures[address] = (count, now)
        if len(self._failures) > self.ADDRESSES:
            del self._failures[next(iter(self._failures))]
        return min(self.LONGEST, 0.1 * 2 ** min(count - 1, 10)) if count > 1 else 0.0
