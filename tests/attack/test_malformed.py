"""Tens of thousands of malformed inputs, while a good pair keeps talking."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from pathlib import Path
from typing import Awaitable, Callable

import pytest

from attack.crowd import Pair, Usage
from attack.mutator import HEADS, Mutator
from framing import frame
from integration.server import ServerProcess

ATTACKERS = 6
ANSWERS_BYTES = 2**24
"""More than the server says to all that one connection sends: asyncio reads 64 KiB at most."""
ANSWER_SECONDS = 0.3
GROWTH_MEGABYTES = 16
"""A warm process may grow by this much: CPython does not return all memory."""
LIMITS = {
    "limits": {"messages_per_second": 1000000, "burst": 1000000, "bad_packets": 40},
    "socketio": {"ping_interval": 5, "ping_timeout": 5},
}
SYNC = frame(b"sync", opcode=9)
"""A WebSocket PING: its PONG shows that the server has handled all before it."""


class Attack:
    """A few attackers that send `count` inputs."""

    def __init__(self, port: int, seed: int, count: int) -> None:
        self._port = port
        self._seed = seed
        self._count = count
        self.sent = 0

    async def run(self) -> None:
        await asyncio.gather(*(self._attacker(number) for number in range(ATTACKERS)))

    async def _attacker(self, number: int) -> None:
        mutator = Mutator(self._seed + number)
        ways: list[Callable[[Mutator], Awaitable[None]]] = [self._frames, self._frames]
        ways += [self._frames, self._bodies, self._heads]
        while self.sent < self._count:
            with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                await mutator.dice.choice(ways)(mutator)

    @contextlib.asynccontextmanager
    async def _call(self):  # type: ignore[no-untyped-def]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            limit=ANSWERS_BYTES,
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _frames(self, mutator: Mutator) -> None:
        async with self._call() as (reader, writer):
            writer.write(HEADS[3])
            await reader.readuntil(b"\r\n\r\n")
            if mutator.dice.random() < 0.9:
                writer.write(frame(b"40"))
            for _ in range(20):
                for _ in range(10):
                    writer.write(mutator.frames())
                    self.sent += 1
                writer.write(SYNC)
                await asyncio.wait_for(reader.readuntil(b"sync"), ANSWER_SECONDS)

    async def _bodies(self, mutator: Mutator) -> None:
        async with self._call() as (reader, writer):
            writer.write(HEADS[2])
            opened = await reader.readuntil(b'"upgrades"')
            sid = opened.partition(b'"sid":"')[2].partition(b'"')[0]
            target = b"/socket.io/?EIO=4&transport=polling&sid=" + sid
            await self._post(reader, writer, target, b"40")
            for _ in range(20):
                await self._post(reader, writer, target, mutator.body())
                self.sent += 1

    async def _post(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: bytes,
        body: bytes,
    ) -> None:
        head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (target, len(body)) + body)
        await asyncio.wait_for(reader.readuntil(b"HTTP/1.1 200"), ANSWER_SECONDS)

    async def _heads(self, mutator: Mutator) -> None:
        async with self._call() as (reader, writer):
            for _ in range(mutator.dice.randint(1, 3)):
                writer.write(mutator.head())
                self.sent += 1
            writer.write_eof()
            await asyncio.wait_for(reader.read(), ANSWER_SECONDS)


async def besiege(server: ServerProcess, count: int) -> tuple[int, int, float]:
    """Attack; returns the inputs, the rounds of the good pair, and the server's growth in MB."""
    pair = await Pair.meet(server.port, f"good-{secrets.token_hex(8)}")
    enough = asyncio.Event()
    talk = asyncio.ensure_future(pair.keep_exchanging(enough))  # noqa: TID251
    warm = Attack(server.port, 1000, count // 5)
    await warm.run()
    before = Usage(server).megabytes
    attack = Attack(server.port, 1, count - warm.sent)
    await attack.run()
    grown = Usage(server).megabytes - before
    enough.set()
    await talk
    assert not pair.one.ended.done()
    assert not pair.other.ended.done()
    pair.leave()
    return warm.sent + attack.sent, pair.rounds, grown


@pytest.mark.parametrize(
    "count", [20_000, pytest.param(200_000, marks=pytest.mark.soak)], ids=["ci", "soak"]
)
def test_malformed_inputs_affect_only_their_senders(tmp_path: Path, count: int) -> None:
    with ServerProcess(tmp_path, LIMITS) as server:
        sent, rounds, grown = asyncio.run(besiege(server, count))
        print(f"\n{sent} malformed inputs, {rounds} rounds of the good pair, +{grown:.1f} MB")
        assert sent >= count
        assert rounds > 100
        assert grown < GROWTH_MEGABYTES
        log = "\n".join(server.lines)
        assert "Traceback" not in log
