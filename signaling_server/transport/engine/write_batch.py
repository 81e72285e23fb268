"""One system call for all frames that follow from one read.

Goal: a write to a TCP connection costs more than relaying a signal, and one read from the network
often brings several signals. All copies for one receiver should leave in one write.

Plan: WebSocket.write collects the packets of its client and registers its flush here, once. One
WriteBatch serves all connections. While a FrameReader relays what it read, the batch is open, and
the flushes run when the reader is through. At any other time (a timer, an event on the slow path)
the loop itself runs them in its next turn.

Order: the batch and engine.io's queue are two ways to the same TCP connection. WebSocket.write
takes a packet only while the queue is idle: nothing waits in it and its writer has written
everything. A packet that goes through the queue after that is written by a task, which runs no
earlier than the flush. So neither way overtakes the other (tests/integration/test_paths.py).

Worst case: a client's packets wait for one turn of the loop, and are at most ROOM_TO_WRITE bytes
(websocket.py); the next packet goes through the queue, which is bounded.
"""

from __future__ import annotations

import asyncio
from typing import Callable


class WriteBatch:
    """Flushes that wait for the end of a read. Use it as a context manager around the reading."""

    def __init__(self) -> None:
        self._flushes: list[Callable[[], None]] = []
        self._reading = False

    def flush_later(self, flush: Callable[[], None]) -> None:
        """Call `flush` when the read ends; outside of a read, in the loop's next turn."""
        if not self._flushes and not self._reading:
            asyncio.get_running_loop().call_soon(self.end)
        self._flushes.append(flush)

    def __enter__(self) -> None:
        self._reading = True

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """Call every flush that waits."""
        self._reading = False
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            flush()
