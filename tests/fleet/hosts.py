"""Engines of several hosts in one process, and what each of them hears."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

from signaling_server.core.config.fleet_types import Sentinel, parse_url
from signaling_server.fleet.redis_engine import RedisEngine
from signaling_server.fleet.redis_options import Access

LEASE = 60_000
"""Milliseconds: longer than a test."""


class Host:
    """One engine, started; `heard` and `changes` are what it has told so far."""

    def __init__(self, engine: RedisEngine, instance: str) -> None:
        self.engine = engine
        self.instance = instance
        self.heard: list[str] = []
        self.changes: list[bool] = []
        self._news = asyncio.Event()

    async def start(self) -> None:
        def hear(batch: str) -> None:
            self.heard.append(batch)
            self._news.set()

        def change(reachable: bool) -> None:
            self.changes.append(reachable)
            self._news.set()

        await self.engine.start(hear, change)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what only `heard` and `changes` can bring."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def until_changes(self, *changes: bool) -> None:
        await self.until(lambda: len(self.changes) >= len(changes))
        assert self.changes[: len(changes)] == [*changes]

    async def announce(self, record: str = "record", lease: int = LEASE) -> None:
        await self.engine.announce(record, lease)


class Hosts:
    """Makes engines with one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._all: list[Host] = []

    async def start(
        self,
        url: str,
        instance: str = "a",
        *,
        name: str = "",
        password: str = "",
        ca_file: str | None = None,
        sentinel: Sentinel | None = None,
        announced: bool = True,
        prefix: str = "",
    ) -> Host:
        parsed = parse_url(url)
        access = Access(parsed, password or parsed.password, ca_file)
        engine = RedisEngine(
            access,
            sentinel or Sentinel(),
            prefix or self.prefix,
            instance,
            name or f"name of {instance}",
        )
        host = Host(engine, instance)
        self._all.append(host)
        await host.start()
        if announced:
            await host.announce()
        return host

    async def stop(self) -> None:
        await asyncio.gather(*(host.engine.stop() for host in self._all))


async def soon(look: Callable[[], Any]) -> Any:
    """What the coroutine of `look` returns, once that is true: for what Redis does by itself."""
    while True:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.01)
