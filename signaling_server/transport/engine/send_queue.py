"""engine.io's queue of packets to write, bounded in bytes.

Goal: a client that does not read must cost a known amount of memory, and the server must know how
much that is at any moment. engine.io's own queue (asyncio.Queue) knows neither.

Plan: each packet counts `packet_cost` to the shared budget from the moment it is queued until it
is written. engine.io never says that it has written, but python-engineio 4.15 takes packets in
batches, the first with `await get()` and the rest with `get_nowait()`, writes the batch, and then
calls `get` again. So what was taken stays counted until the next `get`.
A packet that exceeds a bound is queued all the same, because refusing it would lose it silently;
the caller then asks Outbox.over whether the client has to go.

Worst case for one client: the bounds (limits.send_queue_*), one packet, and one batch that is
being written. A client that never polls keeps its queue until the ping timeout.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar

from signaling_server.core.protocol.limits import Budget, packet_cost

BATCH = 16
"""Packets in one answer to a poll. Clients with python-engineio refuse more (its
`Payload.max_decode_packets`, in all of 4.x) and drop their connection.
"""
BATCH_BYTES = 262144
"""Bytes in a batch after which no further packet joins it."""
LAST_WORDS = 1.0
"""Seconds that a polling client has to fetch what is left when its connection has ended."""


class SendQueue(asyncio.Queue):  # type: ignore[type-arg]
    """Packets that wait for one client; None tells engine.io's writer to end."""

    high_water: ClassVar[int] = 0
    """Most packets that ever waited in one queue."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self.bytes = 0
        """What waits; without the batch that is being written."""
        self.dropped = False
        """Whether the connection is aborted: the queue must take nothing more."""
        self._budget = budget
        self._batch = 0
        self._in_batch = 0
        self._waited_for = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and the writer has written everything and waits for more."""
        return self._waited_for and self.empty()

    async def get(self) -> Any:
        """The first packet of a batch: the batch before it is written."""
        self._budget.release(self._in_batch)
        self._batch = self._in_batch = 0
        self._waited_for = True
        try:
            return await super().get()
        finally:
            self._waited_for = False

    def get_nowait(self) -> Any:
        """The next packet of a batch; raises QueueEmpty if none waits or the batch is full."""
        if self._batch == BATCH or self._in_batch >= BATCH_BYTES:
            raise asyncio.QueueEmpty
        item = super().get_nowait()
        self._batch += 1
        return item

    async def join(self) -> None:
        """Wait until everything is written; when the connection has ended, LAST_WORDS at most.

        python-engineio 4.15 joins the queue in `close`: without a limit, packets that nobody
        fetches would keep its task until the server stops.
        """
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(super().join(), LAST_WORDS if self._ended else None)

    def drop(self) -> None:
        """The connection is aborted: free what waits at once, and take nothing more.

        engine.io ends the connection one turn of the loop later, and one turn is long enough to
        use up the memory of all.
        """
        self.dropped = True
        self._queue.clear()  # type: ignore[attr-defined]
        self._budget.release(self.bytes)
        self.bytes = 0

    def abandon(self) -> None:
        """The connection has ended: packets that engine.io still queues count no more."""
        self.drop()
        self._ended = True
        self._budget.release(self._in_batch)
        self._budget = Budget(0)

    def _put(self, item: Any) -> None:
        size = _size(item)
        self.bytes += size
        self._budget.charge(size)
        super()._put(item)
        SendQueue.high_water = max(SendQueue.high_water, self.qsize())

    def _get(self) -> Any:
        item = super()._get()
        size = _size(item)
        self.bytes -= size
        self._in_batch += size
        return item


def _size(item: Any) -> int:
    """Socket.IO packets count; engine.io's own (OPEN, PING, None) are few and short."""
    data = getattr(item, "data", None)
    return packet_cost(data) if isinstance(data, str) else 0
