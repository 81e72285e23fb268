"""The WebSocket under a connection: engine.io's wrapper, with our guard in front of its parser,
and the short way for ordinary signals.

An ordinary signal (`42["signal",{...}]`: no ack asked for, no namespace) is relayed right where it
is read, and written right where it is relayed. engine.io would take a task and a queue for each
step. Everything else, and everything while something waits in the queue, goes the long way.
"""

from __future__ import annotations

import functools
import time
from typing import Any, Callable

from aiohttp import WSMsgType, web
from engineio import async_socket

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.frames import (
    FrameReader,
    encoded,
    header,
    is_signal,
    unmask,
)
from signaling_server.transport.engine.polling import ENGINE_PACKET
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.write_batch import WriteBatch

ROOM_TO_WRITE = 32768
"""Unwritten bytes above which frames go through the queue, which waits for a slow client."""


class WebSocket:
    """One WebSocket, as engine.io wants it: made with (handler, server), called with an environ.

    It is known to its engine.io socket as `websocket`. `on_signal(engine_sid, text)` takes an
    ordinary signal, or says False; None: every frame goes the long way.
    """

    def __init__(
        self,
        handler: Callable[[Any], Any],
        server: Any,
        compression: bool,
        on_signal: Callable[[str, str], bool] | None,
        on_bad_frame: Callable[[str], None],
        budget: Budget,
        turn: WriteBatch,
    ) -> None:
        self._handler = handler
        self._engine_socket = handler.__self__  # type: ignore[attr-defined]
        self._engine_socket.websocket = self
        self._server = server
        self._compression = compression
        self._direct = on_signal is not None and not compression
        self._relay = on_signal and functools.partial(on_signal, self._engine_socket.sid)
        self._on_bad_frame = on_bad_frame
        self._socket: web.WebSocketResponse
        self._tcp: Any = None
        self._turn = turn
        self._reader = FrameReader(budget, turn, self.abort, self._relay)
        self._frames: list[bytes] = []
        self._size = 0
        self.goodbye = False
        """The client has closed it, and not because it heard nothing from us any more."""

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        request: web.Request = environ["aiohttp.request"]
        self._socket = response = web.WebSocketResponse(
            max_msg_size=self._server.max_http_buffer_size,
            compress=self._compression,
            autoping=False,
        )
        try:
            await self._socket.prepare(request)
        except (ConnectionError, ValueError):  # the client is gone already, or its key is no text
            await self._engine_socket.close(wait=False, abort=True)
            return web.Response(status=400)
        self._tcp = request.transport
        self._reader.watch(request.protocol)
        try:
            await self._handler(self)
        finally:
            self._let_go()
        return response

    def _let_go(self) -> None:
        """The connection has ended: leave nothing that only the garbage collector could free."""
        self._reader.close()
        self._engine_socket.websocket = None
        error = self._socket.exception()
        if error is not None:
            error.__traceback__ = error.__context__ = None
        del self._reader  # nobody waits any more

    async def wait(self) -> str | None:
        """The next frame for engine.io; None when there will be none.

        Raises OSError instead while a polling client changes over: engine.io expects it there.
        """
        while True:
            self._reader.idle = True
            message = await self._socket.receive()
            self._reader.idle = False
            kind, data = message.type, message.data
            if isinstance(data, (str, bytes)):
                self._reader.taken(data)
            if kind is WSMsgType.TEXT:
                if self._relay is not None and is_signal(data) and self._relay(data):
                    continue
                if ENGINE_PACKET.match(data):
                    return str(data)
                self._on_bad_frame(self._engine_socket.sid)
            elif kind is WSMsgType.PING:
                await self._socket.pong(data)
            elif kind not in (WSMsgType.PONG, WSMsgType.BINARY):
                self.goodbye = kind is WSMsgType.CLOSE and not self._starved()
                if self._engine_socket.upgraded:
                    return None
                raise OSError("the WebSocket has ended")
            # The event of a binary attachment was refused already.

    def _starved(self) -> bool:
        """Whether our PING has been on its way for long: then a Close frame is no goodbye.

        A client that hears no PING over a dead link closes its WebSocket, and when the link is back
        TCP brings us that Close frame after all.
        """
        sent = self._engine_socket.last_ping  # None while no PING is unanswered
        return bool(sent and time.monotonic() - sent > self._server.ping_timeout / 2)

    def write(self, packet: str) -> bool:
        """Write a Socket.IO packet when this turn of the loop ends, with all others of this turn.

        False: engine.io has something to write before, or has to wait for a slow client.
        """
        if not (
            self._direct
            and self._engine_socket.queue.idle
            and len(packet) + self._size + self._tcp.get_write_buffer_size() < ROOM_TO_WRITE
        ):
            return False
        payload = b"4" + encoded(packet)
        if not self._frames:
            self._turn.flush_later(self._flush)
        self._frames += header(len(payload)), payload
        self._size += len(payload)
        return True

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


def missing_internals(eio: Any) -> list[str]:
    """What the short way needs inside of engine.io and aiohttp, and does not find."""
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
        "aiohttp's mask of frames": unmask is not None,
        "aiohttp's parser of frames": hasattr(web.RequestHandler, "_payload_parser"),
    }
    return [what for what, found in needs.items() if not found]
