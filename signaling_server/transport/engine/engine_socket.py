"""engine.io's socket, as a ClientSocket."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Callable

from aiohttp import web
from engineio import async_socket, packet

from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.socket import Waiting

if TYPE_CHECKING:
    from signaling_server.transport.engine.websocket import WebSocket


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc]
    """See ClientSocket. engine.io makes an AsyncSocket, and `adopt` turns it into one of these."""

    sid: str
    queue: SendQueue
    connected: bool
    """Whether engine.io has answered the handshake."""
    upgraded: bool
    """Whether packets go through the WebSocket: engine.io 4.x opens it before that, to try it."""
    closing: bool
    closed: bool
    last_ping: float | None
    """When the unanswered PING was sent; None: none is."""
    websocket: WebSocket | None = None
    """Set while a WebSocket is open."""
    answering: web.Request | None = None
    poll_broke: bool = False
    when_heard: Callable[[], None] | None = None
    frames: TokenBucket | None = None
    address = ""
    _ping: asyncio.TimerHandle | None = None

    @classmethod
    def adopt(cls, socket: Any) -> EngineSocket:
        """Turn a socket of engine.io into one of these, in place.

        python-engineio 4.x names the class of its sockets in the middle of a long method.
        """
        socket.__class__ = cls
        adopted: EngineSocket = socket
        return adopted

    @property
    def transport(self) -> str:
        """`websocket` or `polling`."""
        return "websocket" if self.upgraded else "polling"

    @property
    def said_goodbye(self) -> bool:
        """Whether the client closed its WebSocket."""
        return self.websocket is not None and self.websocket.goodbye

    @property
    def overdue(self) -> bool:
        """Whether a PING has been unanswered for longer than is usual."""
        sent = self.last_ping
        return bool(sent and time.monotonic() - sent > self.server.ping_timeout / 2)

    @property
    def pulse(self) -> Pulse:
        """Whether the client seems to be there: a page that polls and is reloaded is not."""
        poll = self.answering
        cut = poll is not None and (poll.transport is None or poll.transport.is_closing())
        if self.closed or (not self.upgraded and (cut or self.poll_broke)):
            return Pulse.CLOSED
        return Pulse.SILENT if self.overdue else Pulse.LIVES

    def heard(self) -> None:
        """The client has shown that it lives: call `when_heard`."""
        act, self.when_heard = self.when_heard, None
        if act is not None:
            act()

    async def _websocket_handler(self, websocket: WebSocket) -> None:
        """Called by engine.io when a WebSocket is open, to serve it until it ends."""
        if self.connected or not websocket.serves_itself:  # connected: by polling
            await super()._websocket_handler(websocket)
            return
        self.connected = self.upgraded = True
        websocket.serve_later()

    def schedule_ping(self) -> None:
        """Called by engine.io when a PING is answered, and once before: the next one, on a timer.

        python-engineio 4.x keeps a task that sleeps.
        """
        if self.last_ping:
            self.last_ping = None
            loop = asyncio.get_running_loop()
            self._ping = loop.call_later(self.server.ping_interval, self._send_ping)

    def _send_ping(self) -> None:
        self._ping = None
        if not (self.closing or self.closed):
            self.last_ping = time.monotonic()
            self.queue.put_nowait(packet.Packet(packet.PING))

    async def receive(self, pkt: Any) -> None:
        """Called by engine.io with each packet that took the slow path."""
        self.heard()
        await super().receive(pkt)

    @property
    def waiting(self) -> Waiting:
        """What is queued; without what is being written."""
        return Waiting(self.queue.qsize(), self.queue.bytes)

    def allow_frame(self) -> bool:
        """Count a frame, or packet of a POST, that is no event."""
        return self.frames is None or self.frames.take(time.monotonic())

    def write(self, text: str) -> bool:
        """Write a Socket.IO packet, or queue it; True if it has to wait."""
        if self.upgraded and self.websocket is not None:
            return self.websocket.write(text)
        return self.wait(text)

    def wait(self, text: str) -> bool:
        """Queue a Socket.IO packet; returns True."""
        if not (self.closed or self.queue.dropped):
            self.queue.wait(packet.Packet(packet.MESSAGE, text))
        return True

    @property
    def writer(self) -> Callable[[str], bool]:
        """What `write` calls, as long as this WebSocket is open and after it."""
        return self.websocket.write if self.upgraded and self.websocket is not None else self.write

    async def drain(self) -> None:
        """Wait until everything that is queued is written."""
        await self.queue.join()

    def hang_up(self) -> None:
        """Write what is buffered and close the TCP connection of a WebSocket."""
        if self.websocket is not None:
            self.websocket.hang_up()

    def abort(self) -> None:
        """Free what waits, and end the TCP connection of a WebSocket at once."""
        self.queue.drop()
        if self.websocket is not None:
            self.websocket.abort()

    async def end(self) -> None:
        """End a polling connection: engine.io would keep it until the client polls again."""
        await self.close(wait=False, abort=True)
        self.server.sockets.pop(self.sid, None)

    def abandon(self) -> None:
        """engine.io has ended it: free its packets, and the request that waits for them."""
        if self._ping is not None:
            self._ping.cancel()
        self.queue.abandon()
        poll = self.answering
        if poll is not None and poll.transport and poll.transport.get_write_buffer_size():
            poll.transport.abort()  # the client does not read its answer
        if not self.upgraded:
            # Answers a GET that waits: engine.io would let it wait for the ping timeout.
            self.queue.put_nowait(None)
