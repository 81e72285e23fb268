"""Many who watch: pages that take long to build cost the peers nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from pathlib import Path
from typing import AsyncIterator

import aiohttp
import pytest

from attack.crowd import Pair, join
from integration.server import ServerProcess

PEERS = 60
"""Of one room, so that /api/status describes 1,770 pairs."""
WATCHERS = 40
ROUNDS = 300
MOST_P99 = 0.06


@contextlib.asynccontextmanager
async def watched(url: str) -> AsyncIterator[list[int]]:
    """While many ask for a page as fast as they get it; yields the list of the answers."""
    answers: list[int] = []

    async def watch(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.get(url) as answer:
                answers.append(len(await answer.read()))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        watching = asyncio.gather(*(watch(session) for _ in range(WATCHERS)))
        try:
            yield answers
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


async def times(pair: Pair) -> list[float]:
    """The seconds of each exchange; each signal has to arrive."""
    found = []
    for _ in range(ROUNDS):
        since = time.monotonic()
        await pair.exchange()
        found.append(time.monotonic() - since)
        await asyncio.sleep(0.01)
    return found


@pytest.mark.timed
@pytest.mark.parametrize("path", ["/api/status", "/metrics"])
def test_many_watchers_do_not_slow_a_pair_down(tmp_path: Path, path: str) -> None:
    async def scene(server: ServerProcess) -> None:
        names = itertools.count()
        crowd = [await join(server.port, "crowd", f"m{next(names)}") for _ in range(PEERS)]
        pair = await Pair.meet(server.port)
        async with watched(server.url + path) as answers:
            found = await times(pair)
        p99 = statistics.quantiles(found, n=100)[98]
        print(
            f"\n{WATCHERS} watchers of {path}: {len(answers)} answers of {max(answers)} bytes,"
            f" p99 of a pair {1000 * p99:.0f} ms, lost: 0"
        )
        assert p99 < MOST_P99
        for member in crowd:
            member.transport.abort()
        pair.leave()

    with ServerProcess(tmp_path, {"logging": {"level": "info"}}) as server:
        asyncio.run(scene(server))
