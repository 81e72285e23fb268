"""The WebSocket under a connection: engine.io's wrapper, with our guard in front of its parser,
and the short way for ordinary signals.

An ordinary signal (`42["signal",{...}]`: no ack asked for, no namespace) is relayed right where it
is read, and written right where it is relayed. engine.io would take a task and a queue for each
step. Everything else, and everything while something waits in the queue, goes the long way.
"""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Any, Callable

from aiohttp import WSMsgType, web
from engineio import async_socket

from signaling_server.core.limits import Budget
from signaling_server.transport.outbox import SendQueue
from signaling_server.transport.polling import ENGINE_PACKET

SIGNAL = '42["signal",'
"""How an ordinary signal begins: Engine.IO MESSAGE, Socket.IO EVENT, the event's name."""
WIDEST = 4
"""Bytes that one byte from the network may take as text, if a wide character is among them."""
ROOM_TO_WRITE = 32768
"""Unwritten bytes above which frames go through the queue, which waits for a slow client."""


class WebSocket:
    """One WebSocket, as engine.io wants it: made with (handler, server), called with an environ.

    It is known to its engine.io socket as `websocket`. `on_signal(engine_sid, text)` takes the
    arguments of an ordinary signal, or says False; None: every frame goes the long way.
    """

    def __init__(
        self,
        handler: Callable[[Any], Any],
        server: Any,
        compression: bool,
        on_signal: Callable[[str, str], bool] | None,
        on_bad_frame: Callable[[str], None],
        budget: Budget,
    ) -> None:
        self._handler = handler
        self._engine_socket = handler.__self__  # type: ignore[attr-defined]
        self._engine_socket.websocket = self
        self._server = server
        self._compression = compression
        self._on_signal = on_signal
        self._on_bad_frame = on_bad_frame
        self._socket: web.WebSocketResponse
        self._tcp: Any = None
        self._meter = Meter(budget, self.abort)
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._size = 0
        self.goodbye = False
        """The client has closed it, and not because it heard nothing from us any more."""

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        request: web.Request = environ["aiohttp.request"]
        self._socket = web.WebSocketResponse(
            max_msg_size=self._server.max_http_buffer_size, compress=self._compression
        )
        try:
            await self._socket.prepare(request)
        except (ConnectionError, ValueError):  # the client is gone already, or its key is no text
            await self._engine_socket.close(wait=False, abort=True)
            return web.Response(status=400)
        self._tcp = request.transport
        self._meter.watch(request.protocol)
        try:
            await self._handler(self)
        finally:
            self._meter.close()
        return self._socket

    async def wait(self) -> str:
        """The next frame for engine.io; raises OSError when there will be none."""
        engine_sid = self._engine_socket.sid
        while True:
            message = await self._socket.receive()
            data = message.data
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._meter.taken(data)
            if message.type is WSMsgType.TEXT:
                if (
                    self._on_signal is not None
                    and data.startswith(SIGNAL)
                    and data.endswith("]")
                    and self._on_signal(engine_sid, data[len(SIGNAL) : -1])
                ):
                    continue
                if ENGINE_PACKET.match(data):
                    return str(data)
                self._on_bad_frame(engine_sid)
            elif message.type is not WSMsgType.BINARY:  # an attachment's event was refused already
                self.goodbye = message.type is WSMsgType.CLOSE and not self._starved()
                raise OSError("the WebSocket has ended")

    def _starved(self) -> bool:
        """Whether our PING has been on its way for long: then a Close frame is no goodbye.

        A client that hears no PING over a dead link closes its WebSocket, and when the link is back
        TCP brings us that Close frame after all.
        """
        sent = self._engine_socket.last_ping  # None while no PING is unanswered
        return bool(sent and time.monotonic() - sent > self._server.ping_timeout / 2)

    def has_room_for(self, size: int) -> bool:
        """Whether `write` may be used: not while engine.io has something to write before."""
        return (
            self._on_signal is not None
            and self._engine_socket.upgraded
            and self._engine_socket.queue.idle
            and not self._compression
            and size + self._size + self._tcp.get_write_buffer_size() < ROOM_TO_WRITE
        )

    def write(self, text: str) -> None:
        """Write a text frame in this turn of the loop, together with all others of this turn.

        What a turn reads, and so relays, is often more than one signal: a system call for each
        would cost more than all the rest.
        """
        payload = _encoded(text)
        if not self._frames:
            self._loop.call_soon(self._flush)
        self._frames.append(_header(len(payload)))
        self._frames.append(payload)
        self._size += len(payload)

    def _flush(self) -> None:
        frames, self._frames, self._size = self._frames, [], 0
        if frames and not self._tcp.is_closing():
            self._tcp.write(b"".join(frames))

    async def send(self, message: str) -> None:
        """Write a frame; waits while the client does not read."""
        await self._socket.send_str(message)

    async def close(self) -> None:
        """Close the WebSocket."""
        await self._socket.close()

    def hang_up(self) -> None:
        """Write what is buffered and close the TCP connection: the client comes back."""
        if self._tcp is not None:
            self._flush()
            self._tcp.close()

    def abort(self) -> None:
        """End the TCP connection at once."""
        if self._tcp is not None:
            self._tcp.abort()


def missing_of(eio: Any) -> list[str]:
    """What the short way needs of engine.io and does not find: it is private, and may change."""
    try:
        socket = async_socket.AsyncSocket(eio, "probe")
        handler = socket._websocket_handler
    except (AttributeError, TypeError) as error:
        return [str(error)]
    needs = {
        "a factory of WebSockets": callable(eio._async.get("websocket")),
        "a handler that knows its socket": getattr(handler, "__self__", None) is socket,
        "a queue of our making": isinstance(getattr(socket, "queue", None), SendQueue),
        "upgraded": getattr(socket, "upgraded", None) is False,
        "closed": getattr(socket, "closed", None) is False,
        "last_ping": hasattr(socket, "last_ping"),
    }
    return [what for what, found in needs.items() if not found]


class Meter:
    """Counts to the common memory what has come of messages that are not whole yet.

    aiohttp collects the frames of a message up to its limit, which times all connections is more
    memory than there is.
    """

    def __init__(self, budget: Budget, abort: Callable[[], None]) -> None:
        self._budget = budget
        self._abort = abort
        self._parser: Any = None
        self._unread = 0
        self._last = 0

    def watch(self, protocol: Any) -> None:
        """Stand between aiohttp's protocol and its parser of frames."""
        self._parser = getattr(protocol, "_payload_parser", None)
        if self._parser is not None:  # else the client is gone already, or aiohttp has changed
            protocol._payload_parser = self

    def feed_data(self, data: bytes) -> Any:
        """Bytes have come from the network."""
        self._last = len(data)
        self._unread += self._last
        self._budget.charge(WIDEST * self._last)
        if self._budget.exceeded_by(WIDEST * self._unread):
            self._abort()
            return True, b""  # the parser has ended
        return self._parser.feed_data(data)

    def feed_eof(self) -> None:
        """Nothing more will come."""
        self._parser.feed_eof()

    def taken(self, data: str | bytes) -> None:
        """A message was read. What is left of the last bytes may be the beginning of another.

        6, 8 or 14 bytes of header and mask came before it (RFC 6455, section 5.2).
        """
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(_encoded(data))
        left = self._unread - size - (6 if size < 126 else 8 if size < 65536 else 14)
        left = 0 if left <= 0 else left if left < self._last else self._last
        self._budget.give(WIDEST * (self._unread - left))
        self._unread = left

    def close(self) -> None:
        """The connection has ended."""
        self._budget.give(WIDEST * self._unread)
        self._unread = 0


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _header(length: int) -> bytes:
    """The header of an unmasked, final text frame (RFC 6455, section 5.2)."""
    if length < 126:
        return struct.pack("!BB", 0x81, length)
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)
