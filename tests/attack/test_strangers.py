"""Strangers: callers that no CONNECT has let in. They shut nobody out, and memory does not grow.

The figures in docs/reliability.md are those of the soak run on an idle machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, AsyncIterator, Mapping

import pytest

from attack.crowd import Pair, Usage, join
from attack.drone import get_in, reconnect
from attack.test_ghosts import times_of
from integration.credentials import new_token, write_tokens
from integration.server import ServerProcess

FLOOD = Path(__file__).with_name("strangers_flood.py")
FLOODED, ELSEWHERE = "127.0.0.1", "127.0.0.2"
"""The address that the flood comes from, and another one."""
FLIGHT = 0.3
"""Seconds of a round trip over a satellite."""


@contextlib.asynccontextmanager
async def strangers(port: int, rate: int, kind: str) -> AsyncIterator[None]:
    """So many strangers a second from FLOODED."""
    flood = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FLOOD),
        str(port),
        str(rate),
        "600",
        kind,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield
    finally:
        flood.terminate()
        made, seconds = (await flood.communicate())[0].split()
        print(f"\n{kind}: {float(made) / float(seconds):.0f} strangers a second", end="")


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


@pytest.mark.parametrize("kind", ["tcp", "handshake"])
@pytest.mark.parametrize(
    ("rate", "tries", "strangers_allowed", "seconds"),
    [(500, 5, 200, 30.0), pytest.param(3000, 40, 2048, 2.0, marks=pytest.mark.soak)],
    ids=["small", "full"],
)
def test_bearers_of_tokens_get_in_beside_a_flood_of_strangers(
    tmp_path: Path, kind: str, rate: int, tries: int, strangers_allowed: int, seconds: float
) -> None:
    names = ("drone", "node", "gcom")
    tokens, lines = zip(*(new_token(name) for name in names))
    config: Mapping[str, Any] = {
        "auth": {"tokens_file": write_tokens(tmp_path, list(lines))},
        "limits": {"strangers": strangers_allowed},
        "logging": {"level": "warning"},
    }

    async def scene(server: ServerProcess) -> None:
        port, over = server.port, asyncio.Event()
        members = [
            await join(port, "flight", name, json.dumps({"token": token}))
            for name, token in list(zip(names, tokens))[1:]
        ]
        pair = Pair(*members)
        exchanges = asyncio.get_running_loop().create_task(times_of(pair, over))
        ways = [("auth, another address", ELSEWHERE, False), ("URL, the same", FLOODED, True)]
        async with strangers(port, rate, kind):
            await asyncio.sleep(2.0)  # until the pool of them is in use
            memory = Usage(server).megabytes
            for way, address, in_url in ways:
                link: Any = {"token": tokens[0], "in_url": in_url, "round_trip": 0.005}
                took = [(await reconnect(port, address, **link))[0] for _ in range(tries)]
                print(
                    f"\n{way}: {sum(each < seconds for each in took)} of {tries}, median "
                    f"{1000 * percentile(took, 0.5):.0f} ms, worst {1000 * max(took):.0f} ms",
                    end="",
                )
                assert max(took) < seconds, way
            over.set()
            pairs = await exchanges
            growth = Usage(server).megabytes - memory
        worst = percentile(pairs, 0.99) / 2
        print(f"; {2 * len(pairs)} signals of the pair, p99 {worst:.0f} ms; {growth:+.0f} MB")
        assert growth < 30

    with ServerProcess(tmp_path, config, "--log-level", "info") as server:
        asyncio.run(scene(server))
        assert not [line for line in server.lines if "Traceback" in line]


def test_callers_are_served_again_after_a_stall(tmp_path: Path) -> None:
    """A crowd behind one address calls all the time. What waited while the server hung fills the
    pool, so that the address is paced; the crowd must not be shut out for as long as it calls.
    """
    config = {"limits": {"strangers": 500, "connect_deadline": 1.0}}

    async def scene(server: ServerProcess) -> None:
        async with strangers(server.port, 250, "request"):
            os.kill(server.pid, signal.SIGSTOP)
            await asyncio.sleep(3)  # 750 callers
            os.kill(server.pid, signal.SIGCONT)
            took, tries = await get_in(server.port, FLOODED, "&name=gcom", "", 0.0, patience=2.0)
        print(f"\nback {took:.1f} s after the stall, at try {tries}")
        assert took < 30

    with ServerProcess(tmp_path, config) as server:
        asyncio.run(asyncio.wait_for(scene(server), 120))


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_honest_crowd_over_a_slow_link_gets_in_at_once(tmp_path: Path, count: int) -> None:
    async def scene(server: ServerProcess) -> None:
        crowd = [
            get_in(server.port, ELSEWHERE, f"&room=r{number}&name=drone", "", FLIGHT)
            for number in range(count)
        ]
        came = await asyncio.gather(*crowd)
        tries = sum(tries for _, tries in came)
        worst = max(seconds for seconds, _ in came)
        print(
            f"\n{count} at once, round trip {FLIGHT} s: all in after {worst:.1f} s, {tries} tries"
        )
        assert tries == count

    config = {"limits": {"rooms_per_address": 1024}, "logging": {"level": "warning"}}
    with ServerProcess(tmp_path, config, "--log-level", "info") as server:
        asyncio.run(scene(server))
