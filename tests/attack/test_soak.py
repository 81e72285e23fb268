"""Joins, leaves, bad clients and reloads at the same time for a while; then nothing is left."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from attack.crowd import Pair, Usage, join
from attack.test_malformed import LIMITS, Attack
from integration.pages import get
from integration.server import ServerProcess

GROWTH_MEGABYTES = 16
SERVICE_TASKS = 2
"""engine.io's own, from the first client on."""
BATCH = 200
"""Malformed inputs between two checks of the clock."""


class Left(NamedTuple):
    """What the server holds while no client is connected."""

    rooms: int
    descriptors: int
    tasks: int


def left(server: ServerProcess) -> Left:
    rooms = get(f"{server.url}/healthz").json()["rooms"]
    metrics = get(f"{server.url}/metrics").body
    tasks = int(metrics.partition("\nhawkeye_tasks ")[2].split()[0])
    return Left(rooms, Usage(server).descriptors, tasks)


class Life:
    """All that happens until the time is over."""

    def __init__(self, server: ServerProcess, seconds: float) -> None:
        self._server = server
        self._end = time.monotonic() + seconds
        self.visits = self.reloads = self.inputs = self.rounds = 0

    @property
    def over(self) -> bool:
        return time.monotonic() > self._end

    async def visitors(self, seed: int) -> None:
        """Join, talk or not, and leave with or without a goodbye."""
        dice = random.Random(seed)
        while not self.over:
            room = f"visit-{dice.randrange(20)}"
            member = await join(self._server.port, room, f"v{dice.randrange(10_000)}")
            for number in range(dice.randrange(5)):
                member.signal({"n": number})
            await asyncio.sleep(dice.random() / 5)  # a visitor stays for a while
            if dice.random() < 0.5 and not member.ended.done():
                member.say("41")
                await member.ended
            member.transport.abort()
            self.visits += 1

    async def attackers(self) -> None:
        while not self.over:
            attack = Attack(self._server.port, self.inputs, BATCH)
            await attack.run()
            self.inputs += attack.sent

    async def reloader(self) -> None:
        while not self.over:
            seen = len(self._server.lines)
            self._server.send(signal.SIGHUP)
            await self._server.line("configuration reloaded", seen)
            self.reloads += 1
            await asyncio.sleep(2)  # an operator needs a while between two reloads

    async def pair(self) -> None:
        pair = await Pair.meet(self._server.port, "the-good-pair")
        while not self.over:
            await pair.exchange()
            await asyncio.sleep(0.02)
        self.rounds = pair.rounds
        assert not pair.one.ended.done()
        assert not pair.other.ended.done()
        pair.leave()

    async def go_on(self) -> None:
        await asyncio.gather(
            self.pair(), self.attackers(), self.reloader(), *(self.visitors(n) for n in range(10))
        )


async def all_gone(server: ServerProcess, before: Left) -> None:
    deadline = time.monotonic() + 60
    while any(now > then for now, then in zip(left(server), before)):
        assert time.monotonic() < deadline, (left(server), before)
        await asyncio.sleep(0.2)


async def live(server: ServerProcess, seconds: float) -> None:
    fresh = left(server)
    nobody = fresh._replace(tasks=fresh.tasks + SERVICE_TASKS)
    warm = Life(server, seconds / 4)
    await warm.go_on()
    await all_gone(server, nobody)
    before = Usage(server).megabytes
    life = Life(server, seconds * 3 / 4)
    await life.go_on()
    await all_gone(server, nobody)
    grown = Usage(server).megabytes - before
    print(
        f"\n{seconds} s: {warm.visits + life.visits} visits, {warm.inputs + life.inputs} malformed"
        f" inputs, {warm.reloads + life.reloads} reloads, {warm.rounds + life.rounds} rounds of the"
        f" good pair, +{grown:.1f} MB after a warm-up to {before:.0f} MB; rooms, descriptors and"
        f" tasks as before: {nobody}"
    )
    assert grown < GROWTH_MEGABYTES


@pytest.mark.parametrize(
    "seconds", [60, pytest.param(1200, marks=pytest.mark.soak)], ids=["ci", "soak"]
)
def test_busy_server_leaves_nothing_behind(tmp_path: Path, seconds: int) -> None:
    config = {**LIMITS, "resume": {"window": 2}}  # away peers are gone after 2 s
    with ServerProcess(tmp_path, config) as server:
        asyncio.run(live(server, seconds))
        assert "Traceback" not in "\n".join(server.lines)
