"""A TCP proxy before Redis that can hold answers back, cut connections, or swallow all."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


class Proxy:
    """Passes bytes on while `open` is set; while it is not, connections are accepted and silent.

    `muted`: the numbers of connections, from 0, to which nothing passes from Redis.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.open = asyncio.Event()
        self.open.set()
        self.accepted = 0
        self.muted: set[int] = set()
        self.port = 0
        self._more = asyncio.Event()

    async def start(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def until_accepted(self, connections: int) -> None:
        """Wait until so many have come since the start."""
        while self.accepted < connections:
            self._more.clear()
            await self._more.wait()

    def cut(self) -> None:
        """End all connections at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        """End all connections, and accept no more."""
        self._server.close()
        self.open.set()
        while self._tasks:  # not cancelled: asyncio logs that of a connection's task
            self.cut()
            await asyncio.wait(self._tasks, timeout=0.1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.accepted
        self.accepted += 1
        self._more.set()
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            await self.open.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            except OSError:  # nobody listens there
                writer.close()
                return
            self._writers.append(far_writer)
            await asyncio.gather(
                self._pass(reader, far_writer), self._pass(far_reader, writer, number)
            )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = -1
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                piece = await reader.read(65536)
                await self.open.wait()
                if not piece:
                    break
                if number not in self.muted:
                    writer.write(piece)
                    await writer.drain()
        writer.close()
