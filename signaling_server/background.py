"""Background tasks: referenced until they end, and their exceptions are logged.

asyncio itself holds a task only weakly, so that one without a reference may be collected while it
waits, and an exception that nobody awaits is lost. Hence a bare `asyncio.create_task` is banned
(pyproject.toml).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Coroutine

log = logging.getLogger(__name__)

CANCEL_AGAIN = 2.0
"""Seconds that a task has to clean up before it is cancelled again."""


class Background:
    """The tasks of one owner. You must await `cancel()` when the owner ends."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` until it ends or `cancel()` is called."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel(self) -> None:
        """End the tasks still running.

        Cancel more than once: before Python 3.12 asyncio.wait_for drops a cancellation that comes
        when its time is up, or what it waits for is done, and a loop around it goes on.
        """
        tasks = {*self._tasks}
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("a background task failed", exc_info=task.exception())
