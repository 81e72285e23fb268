"""One caller makes the server work: a good pair beside it loses nothing and hardly notices."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
import zlib
from pathlib import Path
from typing import Any, Callable, Coroutine

import pytest

from attack.crowd import Pair, join
from framing import frame
from integration.server import ServerProcess

pytestmark = pytest.mark.timed
SLOWEST = 0.1
"""Seconds at the 99th percentile of a round trip of two signals; a quiet server takes 0.002."""
MEGABYTES = 256
"""That each compressed body becomes."""


def bomb(wbits: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([packer.compress(bytes(2**20)) for _ in range(MEGABYTES)]) + packer.flush()


async def beside(port: int, attack: Callable[[int], Coroutine[Any, Any, None]], name: str) -> None:
    """Let a pair exchange signals while the attack runs, and for a second longer."""
    pair = await Pair.meet(port)
    took: list[float] = []
    running = asyncio.get_running_loop().create_task(attack(port))
    end = float("inf")
    while time.monotonic() < end:
        since = time.monotonic()
        await pair.exchange()
        took.append(time.monotonic() - since)
        await asyncio.sleep(0.005)
        if running.done() and end == float("inf"):
            end = time.monotonic() + 1
    await running
    p99 = statistics.quantiles(took, n=100)[98]
    print(f"\n{name}: {2 * len(took)} signals, p99 {1e3 * p99:.1f} ms, lost: 0")
    assert p99 < SLOWEST
    pair.leave()


async def say(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError):
        writer.write(data)
        await asyncio.wait_for(reader.read(), 10)
    writer.transport.abort()


@pytest.mark.parametrize(("encoding", "wbits"), [("deflate", 15), ("gzip", 31)])
def test_compressed_bodies_are_not_inflated(tmp_path: Path, encoding: str, wbits: int) -> None:
    body = bomb(wbits)

    async def attack(port: int) -> None:
        targets = ("/healthz", "/nowhere", "/socket.io/?EIO=4&transport=polling")
        heads = [
            f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {encoding}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
            for target in targets
        ]
        await asyncio.gather(*(say(port, head.encode() + body) for head in 4 * heads))

    with ServerProcess(tmp_path) as server:
        asyncio.run(beside(server.port, attack, f"12 {encoding} bodies of {MEGABYTES} MB"))


@pytest.mark.parametrize(
    ("name", "flood"),
    [
        ("PING", frame(b"", opcode=9)),
        ("PONG", frame(b"", opcode=10)),
        ("NOOP", frame(b"6")),
    ],
)
def test_floods_of_frames_end_their_connection(tmp_path: Path, name: str, flood: bytes) -> None:
    async def attack(port: int) -> None:
        for number in range(10):
            member = await join(port, "flood", f"m{number}")
            member.transport.write(flood * 20000)
            await asyncio.wait_for(member.ended, 10)

    with ServerProcess(tmp_path) as server:
        asyncio.run(beside(server.port, attack, f"10 x 20,000 {name}"))
