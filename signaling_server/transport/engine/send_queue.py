"""engine.io's queue of packets to write, bounded in bytes.

Goal: a client that does not read must cost a known amount of memory, and the server must know how
much that is at any moment. engine.io's own queue (asyncio.Queue) knows neither.

Plan: each packet counts `packet_cost` to the shared budget from the moment it is queued until it
is written. engine.io never says that it has written, but python-engineio 4.x takes packets in
batches, the first with `await get()` and the rest with `get_nowait()`, writes the batch, and then
calls `get` again. So what was taken stays counted until the next `get`.
A packet that exceeds a bound is queued all the same, because refusing it would lose it silently;
the caller then asks Outbox.over whether the client has to go.

A WebSocket that serves itself (serving.py) has no writer that waits in `get`: it takes each packet
at once, if nothing waits, and only a client that does not read needs the queue and a writer, which
takes batches with `next_batch`.

Lean: most clients wait for nothing most of the time, and then a queue is a few attributes and one
future. `get` returns that future, from which `asyncio.wait_for` makes no task. The packet that it
hands out stays first in the queue until engine.io says `task_done`: since Python 3.12 a `wait_for`
that times out at the same moment loses what it waited for, and here the next `get` finds it again.

Worst case for one client: the bounds (limits.send_queue_*), one packet, and one batch that is
being written. A client that never polls keeps its queue until the ping timeout.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Callable, ClassVar

from signaling_server.core.protocol.limits import Budget, packet_cost

BATCH = 16
"""Packets in one answer to a poll. Clients with python-engineio refuse more (its
`Payload.max_decode_packets`, in all of 4.x) and drop their connection.
"""
BATCH_BYTES = 262144
"""Bytes in a batch after which no further packet joins it."""
LAST_WORDS = 1.0
"""Seconds that a polling client has to fetch what is left when its connection has ended."""


class SendQueue:
    """Packets that wait for one client; None tells engine.io's writer to end.

    What engine.io uses of an asyncio.Queue. After each packet it must call `task_done`.
    """

    __slots__ = (
        "_batch",
        "_budget",
        "_ended",
        "_finished",
        "_getter",
        "_handing",
        "_in_batch",
        "_unfinished",
        "_waiting",
        "_wake",
        "_write",
        "bytes",
        "dropped",
        "idle",
    )

    high_water: ClassVar[int] = 0
    """Most packets that ever waited in one queue."""

    def __init__(self, budget: Budget) -> None:
        self.bytes = 0
        """What waits; without the batch that is being written."""
        self.dropped = False
        """Whether the connection is aborted: the queue must take nothing more."""
        self.idle = False
        """Whether nothing waits, and the writer has written everything and waits for more."""
        self._budget = budget
        self._batch = 0
        self._in_batch = 0
        self._ended = False
        self._waiting: deque[Any] | None = None
        """Made when a packet has to wait."""
        self._getter: asyncio.Future[Any] | None = None
        self._handing = False
        """Whether the first that waits is handed out by `get`, and not yet taken."""
        self._unfinished = 0
        self._finished: asyncio.Event | None = None
        """Made when somebody waits for `join`."""
        self._write: Callable[[Any], bool] | None = None
        self._wake: Callable[[], None] | None = None

    def write_through(
        self, write: Callable[[Any], bool] | None, wake: Callable[[], None] | None
    ) -> None:
        """Give each packet to `write` from now on while none waits; None: no longer.

        If it returns False, packets wait, and somebody has to take them with `next_batch` until
        nothing comes: `wake` is called then, and now if some wait.
        """
        self._write, self._wake = write, wake
        self.idle = write is not None and not self._waiting
        if wake is not None and self._waiting:
            wake()

    def qsize(self) -> int:
        """How many packets wait."""
        return len(self._waiting or ())

    def empty(self) -> bool:
        """Whether no packet waits."""
        return not self._waiting

    async def put(self, item: Any) -> None:
        """Queue a packet."""
        self.put_nowait(item)

    def put_nowait(self, item: Any) -> None:
        """Queue a packet, or write it at once."""
        if self._write is None or not (self.idle and self._write(item)):
            self.wait(item)

    def wait(self, item: Any) -> None:
        """Queue a packet."""
        size = _size(item)
        self.bytes += size
        self._budget.charge(size)
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(item)
        self._unfinished += 1
        was_idle, self.idle = self.idle, False
        SendQueue.high_water = max(SendQueue.high_water, len(self._waiting))
        if self._getter is not None:
            self._hand_out(self._getter, item)
            self._getter = None
        elif was_idle and self._wake is not None:
            self._wake()

    def next_batch(self) -> list[Any]:
        """The packets that wait, a batch at most: the batch before it is written. [] means that
        everything is.
        """
        self._budget.release(self._in_batch)
        self._batch = self._in_batch = 0
        batch: list[Any] = []
        with suppress(asyncio.QueueEmpty):
            while True:
                batch.append(self.get_nowait())
                self.task_done()
        if not batch:
            self._waiting = None
            self.idle = self._write is not None
        return batch

    def get(self) -> asyncio.Future[Any]:
        """The first packet of a batch: the batch before it is written."""
        self._budget.release(self._in_batch)
        self._batch = self._in_batch = 0
        getter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._waiting:
            self._hand_out(getter, self._waiting[0])
        else:
            self._waiting = None
            self._getter = getter
            self.idle = True
        return getter

    def _hand_out(self, getter: asyncio.Future[Any], item: Any) -> None:
        if not getter.done():  # done: nobody waits for it any longer
            getter.set_result(item)
            self._handing = True

    def get_nowait(self) -> Any:
        """The next packet of a batch; raises QueueEmpty if none waits or the batch is full."""
        if not self._waiting or self._batch == BATCH or self._in_batch >= BATCH_BYTES:
            raise asyncio.QueueEmpty
        return self._take(self._waiting)

    def _take(self, waiting: deque[Any]) -> Any:
        item = waiting.popleft()
        size = _size(item)
        self.bytes -= size
        self._in_batch += size
        self._batch += 1
        return item

    def task_done(self) -> None:
        """engine.io has the packet."""
        if self._handing and self._waiting:
            self._take(self._waiting)
        self._handing = False
        self._unfinished -= 1
        if not self._unfinished and self._finished is not None:
            self._finished.set()

    async def join(self) -> None:
        """Wait until engine.io has everything; when the connection has ended, LAST_WORDS at most.

        python-engineio 4.15 joins the queue in `close`: without a limit, packets that nobody
        fetches would keep its task until the server stops.
        """
        if self._unfinished:
            self._finished = self._finished or asyncio.Event()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._finished.wait(), LAST_WORDS if self._ended else None)

    def drop(self) -> None:
        """The connection is aborted: free what waits at once, and take nothing more.

        engine.io ends the connection one turn of the loop later, and one turn is long enough to
        use up the memory of all.
        """
        self.dropped = True
        self._waiting = None
        self._handing = False
        self._budget.release(self.bytes)
        self.bytes = 0

    def abandon(self) -> None:
        """The connection has ended: packets that engine.io still queues count no more."""
        self.drop()
        self._ended = True
        self._budget.release(self._in_batch)
        self._budget = Budget(0)


def _size(item: Any) -> int:
    """Socket.IO packets count; engine.io's own (OPEN, PING, None) are few and short."""
    data = getattr(item, "data", None)
    return packet_cost(data) if isinstance(data, str) else 0
