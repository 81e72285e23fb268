"""Ghosts: clients with a session that break off and leave a peer behind that is away.

They keep nobody out, and cost a good pair in another room no signal.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path

import pytest

from attack.crowd import Pair, Usage, join
from integration.server import ServerProcess
from signaling_server.transport.closing import MOST_FAREWELLS

AT_A_TIME = 8
PLACES = 64
"""`limits.connections`: as many peers as there may be, present and away."""

ROOMS = 16
"""`limits.rooms_per_address`."""


EXTRA = AT_A_TIME
"""Connections that are just ending."""


async def leave_ghosts(port: int, count: int, crowd: bool) -> None:
    """So many clients join, in one room or each in its own, and break off."""

    async def leave_one(number: int) -> None:
        room = "crowd" if crowd else f"ghost-{number}"
        ghost = await join(port, room, f"ghost-{number}", json.dumps({"session": f"key-{number}"}))
        ghost.transport.abort()

    for first in range(0, count, AT_A_TIME):
        await asyncio.gather(*map(leave_one, range(first, first + AT_A_TIME)))


async def times_of(pair: Pair, until: asyncio.Event) -> list[float]:
    """How long each exchange of a pair took, in milliseconds."""
    times = []
    while not until.is_set():
        since = time.monotonic()
        await pair.exchange()
        times.append(1000 * (time.monotonic() - since))
        await asyncio.sleep(0.01)
    return sorted(times)


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("crowd", [False, True], ids=["a room each", "one room"])
def test_ghosts_keep_nobody_out_and_cost_no_signal(tmp_path: Path, crowd: bool, count: int) -> None:
    async def scene(server: ServerProcess) -> None:
        pair = await Pair.meet(server.port)
        over = asyncio.Event()
        exchanges = asyncio.get_running_loop().create_task(times_of(pair, over))
        await leave_ghosts(server.port, count, crowd)
        newcomer = await join(server.port, "flight", "drone")
        over.set()
        times = await exchanges
        url = f"http://127.0.0.1:{server.port}/healthz"
        health = await asyncio.get_running_loop().run_in_executor(None, urllib.request.urlopen, url)
        rooms = json.loads(health.read())["rooms"]
        assert rooms <= ROOMS
        print(
            f"\n{count} ghosts: a pair elsewhere p50 {times[len(times) // 2]:.1f} ms, "
            f"p99 {times[int(len(times) * 0.99)]:.1f} ms, lost: 0; a newcomer is in"
        )
        newcomer.transport.abort()
        pair.leave()

    limits = {"connections": PLACES, "rooms_per_address": ROOMS}
    with ServerProcess(tmp_path, {"limits": limits}) as server:
        asyncio.run(scene(server))


def test_session_that_flaps_holds_few_sockets(tmp_path: Path) -> None:
    flaps, most = 200, 0

    async def scene(server: ServerProcess) -> None:
        async def flap() -> None:
            nonlocal most
            await join(server.port, "flight", "drone", json.dumps({"session": "one-key"}))
            most = max(most, Usage(server).descriptors - before)

        before = Usage(server).descriptors
        for _ in range(flaps // AT_A_TIME):
            await asyncio.gather(*(flap() for _ in range(AT_A_TIME)))

    with ServerProcess(
        tmp_path, {"logging": {"level": "warning"}}, "--log-level", "info"
    ) as server:
        asyncio.run(scene(server))
    print(f"\n{flaps} connections of one session, none closed by it: at most {most} at a time")
    assert most <= AT_A_TIME + MOST_FAREWELLS + 1 + EXTRA
