"""Pages that are built at most once a second."""

from __future__ import annotations

import asyncio
import functools
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.core.protocol.scope import Scope
from signaling_server.web.once_a_second import SCOPES, SECONDS, OnceASecond, OnceForEachScope

PATIENCE = 5.0


class Page:
    """Numbered pages, each of which takes `takes` seconds; time passes by sleeping."""

    def __init__(self, takes: float = 0.0) -> None:
        self.now = 100.0
        self.takes = takes
        self.built: list[float] = []
        self.broken = False
        self.stuck = False
        self.building = asyncio.Event()
        self.ask = OnceASecond(self._build, clock=lambda: self.now, sleep=self._sleep)

    async def _build(self) -> bytes:
        self.built.append(self.now)
        self.building.set()
        await self._sleep(self.takes)
        if self.broken:
            raise LookupError("a mistake")
        return str(len(self.built)).encode()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(PATIENCE if self.stuck else 0)
        self.now += seconds


def in_a_loop(test: Callable[[], Awaitable[Any]]) -> Callable[[], None]:
    """Run a test that is a coroutine."""

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), PATIENCE))

    return run


@in_a_loop
async def test_first_one_does_not_wait() -> None:
    page = Page()
    assert await page.ask() == b"1"
    assert page.now == 100.0


@in_a_loop
async def test_page_is_never_older_than_the_question() -> None:
    page = Page()
    await page.ask()
    page.now += 0.25
    assert await page.ask() == b"2"
    assert page.built == [100.0, 100.0 + SECONDS]
    page.now += 5
    assert await page.ask() == b"3"
    assert page.built[2] == 106.0


@in_a_loop
async def test_crowd_shares_a_page() -> None:
    page = Page()
    await page.ask()
    page.now += 0.5
    assert await asyncio.gather(*(page.ask() for _ in range(100))) == [b"2"] * 100
    assert page.built == [100.0, 101.0]


@in_a_loop
async def test_question_during_a_build_waits_for_the_next() -> None:
    page = Page(takes=0.25)

    async def ask_later() -> bytes:
        await page.building.wait()
        page.now += 0.1
        return await page.ask()

    assert await asyncio.gather(page.ask(), ask_later()) == [b"1", b"2"]
    assert page.built == [100.0, 101.0]


@in_a_loop
async def test_build_that_fails_is_tried_again_a_second_later() -> None:
    page = Page()
    page.broken = True
    with pytest.raises(LookupError):
        await page.ask()
    page.broken = False
    assert await page.ask() == b"2"
    assert page.built == [100.0, 101.0]


@in_a_loop
async def test_one_who_gives_up_holds_nobody_up() -> None:
    page = Page()
    await page.ask()
    page.stuck = True
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(page.ask(), 0.01)
    page.stuck = False
    assert await page.ask() == b"2"


def test_each_scope_has_its_page_and_few_are_kept() -> None:
    built: list[Scope] = []

    async def build(scope: Scope) -> bytes:
        built.append(scope)
        return scope.rooms[0].encode()

    async def ask() -> list[bytes]:
        page = OnceForEachScope(build, pace)
        return [await page(scope) for scope in asked]

    def pace(page: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
        paced.append(page)
        return page

    paced: list[Callable[[], Awaitable[bytes]]] = []
    scopes = [Scope((f"drone-{number}",)) for number in range(SCOPES)]
    asked = [*scopes, scopes[0], Scope(("one more",)), scopes[0]]
    assert asyncio.run(ask()) == [scope.rooms[0].encode() for scope in asked]
    assert built == asked
    assert len(paced) == len(asked) - 1  # the second of one scope is the first one's
