"""A loop whose clock jumps to the next timer when there is nothing else to do."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

START = 1000.0


class _Selector(selectors.SelectSelector):
    """Waits for nothing: time passes instead."""

    loop: Any

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing can happen any more"
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use `time` for `time.monotonic` and `time.time` in what runs in it."""

    def __init__(self) -> None:
        self.now = START
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now
