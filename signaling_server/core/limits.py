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
