"""Plays that do not depend on each other, side by side; a test waits for its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

WIDTH = 3
"""How many run at a time: they wait most of their time, but each starts programs with aiortc."""


class Play(NamedTuple):
    """What a test brings about; `run` is given a folder of its own, and returns what was said."""

    name: str
    run: Callable[[Path], str]
    is_long: bool = False
    """It starts before the others, so that none waits for it alone at the end."""


class Beside:
    """Runs plays in threads. Use it as a context manager: those not yet begun never are."""

    def __init__(
        self, plays: Sequence[Play], folder: Callable[[str], Path], width: int = WIDTH
    ) -> None:
        self._plays = sorted(plays, key=lambda play: not play.is_long)
        self._folder = folder
        self._pool = ThreadPoolExecutor(width)
        self._futures: dict[str, Future[str]] = {}

    def __enter__(self) -> Beside:
        for play in self._plays:
            self._futures[play.name] = self._pool.submit(play.run, self._folder(play.name))
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._futures.values():
            future.cancel()
        self._pool.shutdown()

    def said(self, name: str) -> str:
        """Wait for a play; returns what it returns, and raises what it raises."""
        return self._futures[name].result()
