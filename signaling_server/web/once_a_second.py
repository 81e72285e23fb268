"""Pages that take long to build: however many ask, and however often, one is built a second."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Awaitable, Callable

from signaling_server.core.protocol.scope import Scope

SECONDS = 1.0
"""The least time between two builds; a page that shows the state asks as often."""
Page = Callable[[], Awaitable[bytes]]
"""Gives the page to who asks."""
SCOPES = 64
"""Pages of one kind that are kept, each for readers of other rooms."""


class OnceASecond:
    """Gives each who asks a page whose building began after he asked.

    So nobody gets an old state: whoever asks within a second of a build waits for the next one,
    together with all others who do. You must create it in the event loop that uses it.
    """

    def __init__(
        self,
        build: Callable[[], Awaitable[bytes]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._build = build
        self._clock = clock
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._page = b""
        self._began = float("-inf")
        """When the building of the page began, if it came to its end."""
        self._due = float("-inf")
        """When the next build may begin."""

    async def __call__(self) -> bytes:
        """The page."""
        asked = self._clock()
        async with self._lock:
            if self._began <= asked:
                await self._renew()
            return self._page

    async def _renew(self) -> None:
        while self._clock() < self._due:
            await self._sleep(self._due - self._clock())
        began = self._clock()
        self._due = began + SECONDS
        self._page = await self._build()
        self._began = began


class OnceForEachScope:
    """A page that has another text for readers of other rooms: each is built once a second."""

    def __init__(
        self,
        build: Callable[[Scope], Awaitable[bytes]],
        pace: Callable[[Page], Page] = OnceASecond,
    ) -> None:
        self._build = build
        self._pace = pace
        self._pages: dict[Scope, Page] = {}

    async def __call__(self, scope: Scope) -> bytes:
        """The page for who may see the rooms of `scope`."""
        if scope not in self._pages:
            if len(self._pages) == SCOPES:
                self._pages.clear()
            self._pages[scope] = self._pace(functools.partial(self._build, scope))
        return await self._pages[scope]()
