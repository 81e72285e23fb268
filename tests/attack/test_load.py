"""Crowds: many pairs, all clients at the same moment, and all again after a restart.

With `-m soak` as many as docs/reliability.md says; otherwise a few, which keeps the tests alive.
"""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from attack.crowd import Pair, Usage, join
from integration.server import ServerProcess

NO_LIMIT = {"limits": {"connections": 12000, "messages_per_second": 1000000, "burst": 1000000,
                       "rooms_per_address": 0},
            "rooms": {"max_rooms": 12000}, "logging": {"level": "warning"}}  # fmt: skip
AT_ONCE = 200
"""Clients that connect at the same moment, where the test is about the crowd after that."""


def serve(folder: Path, port: int = 0) -> ServerProcess:
    # The line with the URL is INFO.
    arguments = ["--log-level", "info", "--port", str(port)]
    return ServerProcess(folder, NO_LIMIT, *arguments)


def size(everyday: int, soak: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "count", [everyday, pytest.param(soak, marks=pytest.mark.soak)], ids=["ci", "soak"]
    )


@size(100, 5000)
def test_no_pair_among_many_loses_a_signal(tmp_path: Path, count: int) -> None:
    async def scene(server: ServerProcess) -> None:
        empty = Usage(server).megabytes
        gate = asyncio.Semaphore(AT_ONCE)

        async def meet() -> Pair:
            async with gate:
                return await Pair.meet(server.port)

        since = time.monotonic()
        pairs = await asyncio.gather(*(meet() for _ in range(count)))
        connected = time.monotonic() - since
        full = Usage(server).megabytes
        since = time.monotonic()
        for _ in range(3):
            await asyncio.gather(*(pair.exchange() for pair in pairs))
        talked = time.monotonic() - since
        assert not any(member.ended.done() for pair in pairs for member in (pair.one, pair.other))
        print(
            f"\n{count} pairs: connected in {connected:.1f} s,"
            f" {6 * count} signals in {talked:.1f} s,"
            f" {full:.0f} MB, {(full - empty) / count / 2 * 1024:.0f} KB a client, lost: 0"
        )
        for pair in pairs:
            pair.leave()

    with serve(tmp_path) as server:
        asyncio.run(scene(server))


@size(100, 1000)
def test_all_clients_join_at_the_same_moment(tmp_path: Path, count: int) -> None:
    async def scene(server: ServerProcess) -> None:
        since = time.monotonic()
        members = await asyncio.gather(
            *(join(server.port, f"room-{number // 2}", f"m{number}") for number in range(count))
        )
        seconds = time.monotonic() - since
        assert not any(member.ended.done() for member in members)
        print(f"\n{count} clients at once: all welcome after {seconds:.2f} s, lost: 0")
        for member in members:
            member.transport.abort()

    with serve(tmp_path) as server:
        asyncio.run(scene(server))


@size(100, 2000)
def test_all_clients_return_after_a_restart(tmp_path: Path, count: int) -> None:
    async def stay(port: int, number: int, back: asyncio.Queue[int]) -> None:
        """Join, and join again when the connection ends; put `number` in `back` both times."""
        room, name = f"room-{number // 2}", f"m{number}"
        member = await join(port, room, name)
        back.put_nowait(number)
        await member.ended
        member = await join(port, room, name)
        back.put_nowait(number)
        await member.ended

    async def all_there(back: asyncio.Queue[int]) -> None:
        assert len({await back.get() for _ in range(count)}) == count

    async def scene(server: ServerProcess) -> None:
        back: asyncio.Queue[int] = asyncio.Queue()
        tasks = [
            asyncio.ensure_future(stay(server.port, number, back))  # noqa: TID251
            for number in range(count)
        ]
        await all_there(back)
        since = time.monotonic()
        server.send(signal.SIGTERM)
        assert await server.exit_code() == 0
        stopped = time.monotonic() - since
        with serve(tmp_path, server.port) as again:
            started = time.monotonic()
            await all_there(back)
            seconds = time.monotonic() - started
            print(
                f"\n{count} clients: stop {stopped:.1f} s, all back {seconds:.2f} s after the start"
            )
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert "Traceback" not in "\n".join(again.lines)

    with serve(tmp_path) as server:
        asyncio.run(scene(server))
