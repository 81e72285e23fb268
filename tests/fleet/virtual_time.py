"""A loop whose clock jumps to the next timer when there is nothing else to do."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from typing import Any, Awaitable, Callable, Iterator

import pytest

START = 1000.0


class _Selector(selectors.SelectSelector):
    """Waits for nothing: time passes instead."""

    loop: Any

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing can happen any more"
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` takes the place of `time.monotonic` and `time.time`: see virtual_time."""

    def __init__(self) -> None:
        self.now = START
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


@contextlib.contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", loop.time)
        patch.setattr(time, "time", lambda: 1.8e9 + loop.time())
        asyncio.set_event_loop(loop)
        try:
            yield loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    with virtual_time() as loop:
        loop.run_until_complete(scene())
