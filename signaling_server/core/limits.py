"""Bounds that keep one client from taking what belongs to all."""

from __future__ import annotations


class Budget:
    """Bytes that all queues, holds and resume buffers share (`limits.memory_bytes`)."""

    __slots__ = ("total", "used")

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False if they are not there."""
        if self.used + size > self.total:
            return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Return `size` bytes that were taken."""
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
