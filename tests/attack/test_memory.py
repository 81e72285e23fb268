"""A thousand clients that take all the memory they can get: the process stays below its limit."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Awaitable, Callable, Sequence

import pytest

from attack.crowd import Member, Usage, join
from framing import NO_MASK
from integration.server import ServerProcess

BOUND_MEGABYTES = 400
"""docs/reliability.md: the most that the process uses, plus some waste of the allocator."""
SECONDS = 10
NO_RATE = {"limits": {"messages_per_second": 1000000, "burst": 1000000}}
WIDE = '{"type":"ice-candidate","data":{"a":"\N{HELICOPTER}' + "x" * 60_000 + '"}}'
"""60 KB on the wire, 240 KB as text."""
HALF = b"\x01\xff" + (900_000).to_bytes(8, "big") + NO_MASK + b"4" * 800_000

Attack = Callable[[Sequence[Member]], Awaitable[None]]


async def be_there(members: Sequence[Member]) -> None:
    """Do nothing: each is in a room with nine others."""


async def read_nothing(members: Sequence[Member]) -> None:
    """Nine of ten stop reading; the tenth floods them."""
    for member in members:
        if int(member.name[1:]) % 10:
            member.transport.pause_reading()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for member in members[::10]:
            if not member.ended.done() and member.transport.get_write_buffer_size() < 1_000_000:
                member.say(f'42["signal",{WIDE}]')
        await asyncio.sleep(0.05)


async def send_halves(members: Sequence[Member]) -> None:
    """Begin a frame and never end it."""
    for member in members:
        member.transport.write(HALF)
    await asyncio.sleep(SECONDS)


async def send_at_once(members: Sequence[Member]) -> None:
    """All send the same large text at the same moment, four times."""
    for _ in range(4):
        for member in members:
            if not member.ended.done():
                member.say(f'421["signal",{WIDE}]')
        await asyncio.sleep(SECONDS / 4)


@pytest.mark.soak
@pytest.mark.parametrize("attack", [be_there, read_nothing, send_halves, send_at_once])
def test_memory_stays_below_its_limit(tmp_path: Path, attack: Attack) -> None:
    async def scene(server: ServerProcess) -> None:
        gate = asyncio.Semaphore(100)

        async def come(number: int) -> Member:
            async with gate:
                return await join(server.port, f"room-{number // 10}", f"m{number}")

        members = await asyncio.gather(*(come(number) for number in range(1000)))
        await attack(members)
        peak = Usage(server).peak_megabytes
        print(f"\n{attack.__name__}: {peak:.0f} MB")
        assert peak < BOUND_MEGABYTES
        for member in members:
            member.transport.abort()
        await asyncio.wait_for(join(server.port, "after", "all"), 30)

    with ServerProcess(tmp_path, NO_RATE) as server:
        asyncio.run(scene(server))
        assert "Traceback" not in "\n".join(server.lines)
