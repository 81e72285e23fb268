"""A client's connection without a network: what the parts of the transport do to it."""

from __future__ import annotations

import asyncio
from typing import Callable

from aiohttp import web

from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.transport.engine.socket import ClientSocket, Waiting


class FakeSocket:
    """A ClientSocket. `done` tells what was done to it, `written` what the client heard."""

    def __init__(self, sid: str = "engine-sid", transport: str = "websocket") -> None:
        self.sid = sid
        self.transport = transport
        self.closing = self.closed = self.said_goodbye = False
        self.closes_when_ended = False
        self.answering: web.Request | None = None
        self.poll_broke = False
        self.pulse = Pulse.LIVES
        self.when_heard: Callable[[], None] | None = None
        self.address = "192.0.2.1"
        self.frames: TokenBucket | None = None
        self.allows = True
        """Whether one more frame that is no event may come."""
        self.waiting = Waiting(0, 0)
        self.reads: asyncio.Event | None = None
        """If it is there: set when the client reads."""
        self.done: list[str] = []
        self.written: list[str] = []

    def heard(self) -> None:
        act, self.when_heard = self.when_heard, None
        if act is not None:
            act()

    def allow_frame(self) -> bool:
        return self.allows

    def write(self, packet: str) -> bool:
        self.written.append(packet)
        return self.waiting.packets > 0

    @property
    def writer(self) -> Callable[[str], bool]:
        return self.write

    async def drain(self) -> None:
        if self.reads is not None:
            await self.reads.wait()
        self.done.append("drain")

    def hang_up(self) -> None:
        self.done.append("hang up")
        self.closed = self.closed or self.closes_when_ended

    def abort(self) -> None:
        self.done.append("abort")
        self.closed = self.closed or self.closes_when_ended

    async def end(self) -> None:
        self.done.append("end")


_make: Callable[..., ClientSocket] = FakeSocket
