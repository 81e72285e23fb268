"""Writes of one turn of the loop, put together."""

from __future__ import annotations

import asyncio
from typing import Callable


class WriteBatch:
    """What is relayed while one piece from the network is read is written when that is done.

    It is often more than one signal: a system call for each would cost more than all the rest.
    Use it as a context manager around the reading.
    """

    def __init__(self) -> None:
        self._flushes: list[Callable[[], None]] = []
        self._reading = False

    def flush_later(self, flush: Callable[[], None]) -> None:
        """Call `flush` when the turn ends."""
        if not self._flushes and not self._reading:
            asyncio.get_running_loop().call_soon(self.end)
        self._flushes.append(flush)

    def __enter__(self) -> None:
        self._reading = True

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """Write all that was held back."""
        self._reading = False
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            flush()
