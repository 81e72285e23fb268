"""The WebSocket of one client, as engine.io wants it, and the fast path of plain signals.

A plain signal (plain_signal.py) is relayed where it is read (frames.py) and written where it is
relayed (`write`). engine.io would take a task and a queue for each of these steps. Everything
else, and everything while something waits in the queue, takes the slow path through engine.io and
python-socketio. Both paths meet in Switchboard.signal.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import Any, Callable, NamedTuple

from aiohttp import WSMsgType, web

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.engine_socket import EngineSocket
from signaling_server.transport.engine.frame_counter import BadFrame, FrameCounter
from signaling_server.transport.engine.frames import WIDEST, FrameReader, text_frames
from signaling_server.transport.engine.internals import StartedResponse, renewed_parser
from signaling_server.transport.engine.packets import ENGINE_PACKET
from signaling_server.transport.engine.plain_signal import plain_signal
from signaling_server.transport.engine.polling import forget_environ
from signaling_server.transport.engine.serving import Start, serve
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.write_batch import WriteBatch

MESSAGE = "4"
"""Begins the packets of engine.io that carry one of Socket.IO."""
ROOM_TO_WRITE = 32768
"""Unwritten bytes above which packets go through the queue, which waits for a slow client."""


class WebSocketOptions(NamedTuple):
    """What all WebSockets of a server share."""

    relay_signal: Callable[[str, str, str], bool] | None
    """Relays a plain signal, given engine.io's sid and the signal's parts (PlainSignal); False:
    take the slow path. None: every message takes it.
    """
    on_bad_message: Callable[[ClientSocket], None]
    """A text frame that is no packet has come."""
    on_bad_frame: Callable[[ClientSocket, BadFrame], None]
    """A frame has come after which the connection has to end."""
    budget: Budget
    batch: WriteBatch
    start: Start


class WebSocket:
    """One WebSocket, as engine.io wants it: made with (handler, server), called with an environ.

    Its EngineSocket knows it as `websocket` while it is open.
    """

    __slots__ = (
        "__weakref__",
        "_engine_socket",
        "_frame_limit",
        "_handler",
        "_options",
        "_packets",
        "_queue",
        "_reader",
        "_relay_signal",
        "_response",
        "_server",
        "_size",
        "_tcp",
        "goodbye",
        "serves_itself",
    )

    def __init__(self, handler: Callable[[Any], Any], server: Any, options: WebSocketOptions):
        self._handler = handler
        self._engine_socket: EngineSocket = handler.__self__  # type: ignore[attr-defined]
        self._engine_socket.websocket = self
        self._queue = self._engine_socket.queue
        self._server = server
        self._options = options
        relay_signal = options.relay_signal
        self._relay_signal = relay_signal and functools.partial(
            relay_signal, self._engine_socket.sid
        )
        self.serves_itself = relay_signal is not None
        """Whether it can do without engine.io's loop and writer."""
        self._frame_limit: int = server.max_http_buffer_size
        self._response: StartedResponse
        self._tcp: Any = None
        self._reader = FrameReader(
            options.budget,
            options.batch,
            self.abort,
            self._relay_signal,
            self._parser_for_limit,
            FrameCounter(self._engine_socket.allow_frame),
            functools.partial(options.on_bad_frame, self._engine_socket),
        )
        self._packets: list[str] = []
        """Packets of engine.io that wait for the end of the write batch."""
        self._size = 0
        """While there are any: bytes of them, at most, and of what is unwritten before them."""
        self.goodbye = False
        """Whether the client closed it, although it heard the server's PINGs."""

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        forget_environ(environ)
        request: web.Request = environ["aiohttp.request"]
        self._tcp = request.transport
        # Never compressed: what a client compresses is inflated on the loop, a thousandfold.
        self._response = response = StartedResponse(
            self._reader.watch, max_msg_size=self._frame_limit, compress=False, autoping=False
        )
        try:
            await response.prepare(request)
        except (ConnectionError, RuntimeError, ValueError):
            # The client is gone already (RuntimeError: of uvloop), or its key is no text.
            self._reader.close()
            await self._engine_socket.close(wait=False, abort=True)
            self._tcp = None
            return web.Response(status=400)
        try:
            await self._handler(self)
        finally:
            if response.serve is None:
                self.release()
        return response

    def serve_later(self) -> None:
        """Let the response serve this WebSocket when engine.io has returned it."""
        self._response.serve = functools.partial(
            serve, self._engine_socket, self, self._options.start
        )

    def release(self) -> None:
        """The connection has ended: leave no cycle that only the garbage collector could free."""
        self.serves_itself = False
        self._reader.close()
        self._engine_socket.websocket = None
        error = self._response.exception()
        if error is not None:
            error.__traceback__ = error.__context__ = None
        del self._reader

    def _parser_for_limit(self, parser: Any) -> Any:
        """aiohttp's parser of frames with the frame limit that a reload may have changed."""
        limit = self._server.max_http_buffer_size
        if limit == self._frame_limit:
            return parser
        self._frame_limit = limit
        return renewed_parser(self._response, parser, limit)

    async def wait(self) -> str | None:
        """The next message for engine.io; None when there will be none.

        Raises OSError instead while a polling client upgrades: python-engineio 4.x expects it.
        """
        while True:
            self._reader.idle = True
            message = await self._response.receive()
            self._reader.idle = False
            kind, data = message.type, message.data
            if isinstance(data, (str, bytes, bytearray)):
                self._reader.taken()
            if kind is WSMsgType.TEXT:
                if self._relayed(data):
                    continue
                if ENGINE_PACKET.match(data):
                    return str(data)
                self._options.on_bad_message(self._engine_socket)
            elif kind is WSMsgType.PING:
                with suppress(ConnectionError):  # the connection is closing: that comes next
                    await self._response.pong(data)
            elif kind not in (WSMsgType.PONG, WSMsgType.BINARY):
                self._ended(kind)
                return None
            # BINARY is the attachment of an event that was refused already.

    def _relayed(self, message: str) -> bool:
        """Relay a plain signal that came in a way that FrameReader leaves to aiohttp."""
        if self._relay_signal is None:
            return False
        signal = plain_signal(message)
        return signal is not None and self._relay_signal(*signal)

    def _ended(self, kind: WSMsgType) -> None:
        self.goodbye = kind is WSMsgType.CLOSE and not self._starved()
        if self.goodbye:
            self._engine_socket.heard()
        if not self._engine_socket.upgraded:
            raise OSError("the WebSocket has ended")

    def _starved(self) -> bool:
        """Whether a PING has been unanswered for long: then a Close frame is no goodbye.

        A client that hears no PING over a dead link closes its WebSocket, and when the link is
        back, TCP delivers that Close frame after all.
        """
        return self._engine_socket.overdue

    def write(self, packet: str) -> bool:
        """Write a Socket.IO packet when the write batch ends, with all others of the batch.

        True if it has to wait: engine.io has something to write before, or the client is slow.
        """
        packets = self._packets
        if self._queue.idle and self.serves_itself:
            if not packets:
                self._size = self._tcp.get_write_buffer_size()
            size = self._size + (len(packet) if packet.isascii() else WIDEST * len(packet))
            if size < ROOM_TO_WRITE:
                if not packets:
                    self._options.batch.flush_later(self._flush)
                packets.append(MESSAGE + packet)
                self._size = size
                return False
        return self._engine_socket.wait(packet)

    def write_packet(self, packet: Any) -> bool:
        """The same for a packet of engine.io, while nothing waits in the queue; True: it is written
        or queued.
        """
        text = packet.encode()
        if text[0] == MESSAGE:
            self.write(text[1:])
        else:
            if not self._packets:
                self._options.batch.flush_later(self._flush)
            self._packets.append(text)  # short, and few
        return True

    def _flush(self) -> None:
        packets, self._packets = self._packets, []
        if packets and not self._tcp.is_closing():
            self._tcp.write(text_frames(packets))

    async def send(self, message: str) -> None:
        """Called by a writer with one packet; waits while the client does not read."""
        self._flush()
        await self._response.send_str(message)

    async def close(self) -> None:
        """Close the WebSocket with a Close frame."""
        self._flush()
        await self._response.close()

    def hang_up(self) -> None:
        """Write what is buffered and close the TCP connection: the client comes back."""
        if self._tcp is not None:
            self._flush()
            self._tcp.close()

    def abort(self) -> None:
        """End the TCP connection at once: the client comes back."""
        if self._tcp is not None:
            self._tcp.abort()
