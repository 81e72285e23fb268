"""Bytes a second of one client: work grows with what is sent, not with how often."""

from __future__ import annotations

USUAL_VALUES = 256
"""JSON values in a signal that cost nothing beside its bytes."""
VALUE_BYTES = 64
"""Bytes that each further one counts for: to parse it takes longer than its two bytes suggest."""


class ByteRate:
    """`limits.bytes_per_second` in the mean, `limits.burst_bytes` at once.

    A burst is at least one message of the size that `limits.message_bytes` allows, so that no
    signal is refused at every try. A rate of 0 turns the limit off. `now` is in seconds of a
    monotonic clock.
    """

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, message_bytes: int, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, message_bytes)
        self._left = self._burst
        self._at = now

    def take(self, size: int, now: float, values: int = 0) -> bool:
        """Whether `size` more bytes with so many values are allowed now; if not, none counts."""
        if not self._rate:
            return True
        if values > USUAL_VALUES:
            size = int(min(size + (values - USUAL_VALUES) * VALUE_BYTES, self._burst))
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if left < size:
            self._left = left
            return False
        self._left = left - size
        return True
