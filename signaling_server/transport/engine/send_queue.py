"""What is on its way out to one connection: in order, and bounded."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar

from signaling_server.core.protocol.limits import Budget, packet_cost

BATCH = 16
"""Packets in one answer to a poll: the Python client drops its connection on more."""
BATCH_BYTES = 262144
"""Bytes in a batch after which no more packet is taken."""
LAST_WORDS = 1.0
"""Seconds that a client which polls has to fetch what was said to it last."""


class SendQueue(asyncio.Queue):  # type: ignore[type-arg]
    """engine.io's queue of packets to write, which counts the bytes it holds.

    engine.io takes a batch with one `get` and as many `get_nowait` as there are packets. What it
    took counts to the budget until it asks for more: it has written it then.
    """

    high_water: ClassVar[int] = 0
    """Most packets that ever waited in one queue."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self.bytes = 0
        self.dropped = False
        self.poll: Any = None
        """The GET that is being answered with what was taken."""
        self._budget = budget
        self._batch = 0
        self._in_batch = 0
        self._waited_for = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and whoever writes has written everything and waits for more."""
        return self._waited_for and self.empty()

    async def get(self) -> Any:
        """The first packet of a batch."""
        self._budget.release(self._in_batch)
        self._batch = self._in_batch = 0
        self._waited_for = True
        try:
            return await super().get()
        finally:
            self._waited_for = False

    def get_nowait(self) -> Any:
        """The next one; raises QueueEmpty if there is none, or no room for it in the batch."""
        if self._batch == BATCH or self._in_batch >= BATCH_BYTES:
            raise asyncio.QueueEmpty
        item = super().get_nowait()
        self._batch += 1
        return item

    async def join(self) -> None:
        """Wait until all is written; when the connection has ended, for a while only.

        What nobody fetches any more would keep a task of engine.io for ever.
        """
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(super().join(), LAST_WORDS if self._ended else None)

    def drop(self) -> None:
        """The connection is aborted: let go of what waits now, and take no more.

        Its end comes a turn of the loop later, and in one turn the memory of all can be used up.
        """
        self.dropped = True
        self._queue.clear()  # type: ignore[attr-defined]
        self._budget.release(self.bytes)
        self.bytes = 0

    def abandon(self) -> None:
        """The connection has ended: what engine.io still says to it counts no more."""
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
    data = getattr(item, "data", None)
    return packet_cost(data) if isinstance(data, str) else 0
