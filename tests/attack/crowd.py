"""Thousands of clients in one process: WebSockets that do only what a test needs."""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
from pathlib import Path
from typing import Any, Callable

from framing import frame
from integration.server import ServerProcess

PATIENCE = 120.0
_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket&room={}&name={} HTTP/1.1\r\nHost: localhost\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Member(asyncio.Protocol):
    """One client in a room. `welcomed` is done when it has joined, `ended` when it has gone."""

    def __init__(self, room: str, name: str, auth: str = "") -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self._auth = auth
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.signals: collections.deque[Any] = collections.deque()
        self.on_signal: Callable[[Any], None] = self.signals.append
        self._hello = _HANDSHAKE.format(room, name).encode()
        self._buffer = b""
        self._upgraded = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(self._hello)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.welcomed.done():
            self.welcomed.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self.transport.abort()
                return
            self._upgraded, self._buffer = True, rest
            self.say("40" + self._auth)
        while self._take():
            pass

    def _take(self) -> bool:
        """Handle the next frame; False if it is not complete yet."""
        data = self._buffer
        if len(data) < 2:
            return False
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            return False
        self._buffer = data[start + size :]
        if data[0] == 0x81:
            self._hear(data[start : start + size].decode())
        return True

    def _hear(self, text: str) -> None:
        if text == "2":
            self.say("3")
        elif text.startswith('42["signal"'):
            self.on_signal(json.loads(text[2:])[1])
        elif text.startswith('42["welcome"') and not self.welcomed.done():
            self.welcomed.set_result(None)

    def say(self, text: str) -> None:
        """Send a text frame."""
        self.transport.write(frame(text.encode()))

    def signal(self, data: Any) -> None:
        """Send a signal to all others in the room."""
        self.say(f'42["signal",{{"type":"offer","data":{json.dumps(data)}}}]')


async def join(port: int, room: str, name: str, auth: str = "") -> Member:
    """A member that has joined; it retries while the server is full (HTTP 503).

    `auth`: JSON, as CONNECT carries it.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            _, member = await loop.create_connection(
                lambda: Member(room, name, auth), "127.0.0.1", port
            )
        except ConnectionError:
            await asyncio.sleep(0.05)  # as a client waits before it retries
            continue
        try:
            await asyncio.wait_for(member.welcomed, PATIENCE)
            return member
        except asyncio.CancelledError:
            if not member.ended.done():
                raise
            await asyncio.sleep(0.05)


class Pair:
    """Two members that exchange numbered signals, and notice each missing one."""

    _rooms = itertools.count()

    def __init__(self, one: Member, other: Member) -> None:
        self.one, self.other = one, other
        self.rounds = 0
        self._done: asyncio.Future[None] | None = None
        one.on_signal = self._returned
        other.on_signal = self._arrived

    @classmethod
    async def meet(cls, port: int, room: str = "") -> Pair:
        room = room or f"room-{next(cls._rooms)}"
        one = await join(port, room, "node")
        return cls(one, await join(port, room, "gcom"))

    def _arrived(self, signal: Any) -> None:
        assert signal["from"] == "node"
        self.other.signal(signal["data"])

    def _returned(self, signal: Any) -> None:
        if signal["data"] == {"n": self.rounds} and self._done and not self._done.done():
            self._done.set_result(None)

    async def exchange(self) -> None:
        """One signal there and one back; raises TimeoutError if one of them is lost."""
        self.rounds += 1
        self._done = asyncio.get_running_loop().create_future()
        self.one.signal({"n": self.rounds})
        await asyncio.wait_for(self._done, 30)

    async def keep_exchanging(self, until: asyncio.Event) -> None:
        """Exchange at most a hundred times a second, which leaves time for others."""
        while not until.is_set():
            await self.exchange()
            await asyncio.sleep(0.01)

    def leave(self) -> None:
        for member in (self.one, self.other):
            member.transport.abort()


class Usage:
    """What the server's process uses now."""

    def __init__(self, server: ServerProcess) -> None:
        process = Path(f"/proc/{server.pid}")
        status = dict(
            line.split(":\t", 1) for line in (process / "status").read_text().splitlines()
        )
        self.megabytes = int(status["VmRSS"].split()[0]) / 1024
        self.peak_megabytes = int(status["VmHWM"].split()[0]) / 1024
        self.descriptors = len(list((process / "fd").iterdir()))
