"""python-socketio, configured and guarded, and the few operations that the rest needs of it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Protocol, Sequence

import socketio
from aiohttp import web

from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine import long_polling
from signaling_server.transport.engine.clients import Clients
from signaling_server.transport.engine.departure import leave_request
from signaling_server.transport.engine.engine_socket import EngineSocket
from signaling_server.transport.engine.frame_counter import BadFrame
from signaling_server.transport.engine.internals import install, missing_internals
from signaling_server.transport.engine.packets import GuardedPacket
from signaling_server.transport.engine.polling import (
    address_in,
    forget_environ,
    forget_request,
    translate_request,
)
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.websocket import WebSocket, WebSocketOptions
from signaling_server.transport.engine.write_batch import WriteBatch

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

log = logging.getLogger(__name__)

NAMESPACE = "/"
"""The one Socket.IO namespace that this server has."""


class ConnectError(NamedTuple):
    """A Socket.IO connect error: the client stays away."""

    message: str
    data: dict[str, Any] | None = None


class ConnectionCallbacks(Protocol):
    """What happens to an Engine.IO connection, from before its CONNECT (gate.py)."""

    def opened(self, socket: ClientSocket, request: web.Request) -> None:
        """There is a new connection."""

    def ended(self, engine_sid: str, address: str) -> None:
        """It has ended."""

    async def message(self, socket: ClientSocket, packet: str) -> None:
        """A Socket.IO packet has come."""

    def bad_packet(self, socket: ClientSocket) -> None:
        """Something else has come."""

    def bad_frame(self, socket: ClientSocket, error: BadFrame) -> None:
        """A frame has come after which the connection has to end."""


class EventCallbacks(Protocol):
    """What a Socket.IO client does (handlers.py). `text` is the JSON of an event's argument."""

    async def connect(
        self, sid: str, socket: ClientSocket, request: web.Request, auth: Any
    ) -> ConnectError | None:
        """It sent CONNECT; returns the error that refuses it."""

    def disconnect(self, sid: str, reason: str) -> None:
        """It is no longer connected, for python-socketio's `reason`."""

    def relay_signal(self, engine_sid: str, argument: str, ack_id: str) -> bool:
        """It sent a plain signal, on the fast path; False: take the slow path."""

    def unknown(self, event: str, sid: str, text: str) -> dict[str, Any]:
        """It sent an event that `events` does not name."""

    @property
    def events(self) -> Mapping[str, Callable[[str, str], Any]]:
        """By name: handlers of (sid, text), which return the answer for an ack, or await it."""


class SocketIOServer:
    """The server of the library. You must call `attach` before the first request."""

    def __init__(self, settings: Settings, budget: Budget) -> None:
        install()
        self._settings = settings
        self._budget = budget
        self._background = Background()
        self._sio = _configured(settings)
        self._eio = self._sio.eio
        self._eio.create_queue = functools.partial(SendQueue, budget)
        self.sockets: Mapping[str, ClientSocket] = self._eio.sockets
        """By engine.io sid: all connections, also those that have not sent CONNECT."""
        self.patience = float(self._eio.ping_interval + self._eio.ping_timeout)
        """Seconds after which a client that does not answer is gone."""
        self._apply()
        settings.subscribe(self._apply)

    def _apply(self) -> None:
        """Take the settings that engine.io keeps a copy of."""
        self._eio.max_http_buffer_size = largest_frame(self._settings.current.limits)

    @property
    def frame_limit(self) -> int:
        """Bytes of a frame or POST from which on it closes the connection."""
        return int(self._eio.max_http_buffer_size)

    def attach(self, connections: ConnectionCallbacks, client: EventCallbacks) -> None:
        """Let these hear of connections and events from now on."""
        self._connections = connections
        self._client = client
        handlers = self._eio.handlers
        self._library_opened = handlers["connect"]
        self._library_ended = handlers["disconnect"]
        self.dispatch: Callable[[str, str], Any] = handlers["message"]
        """Hand a Socket.IO packet to python-socketio, given engine.io's sid."""
        self._eio.on("connect", self._opened)
        self._eio.on("disconnect", self._ended)
        self._eio.on("message", self._message)
        self._sio.on("connect", self._connect)
        self._sio.on("disconnect", client.disconnect)
        for name, handler in client.events.items():
            self._sio.on(name, handler)
        self._sio.on("*", client.unknown)
        self._serve_websockets()

    def _serve_websockets(self) -> None:
        options = self._settings.current.socketio
        missing = missing_internals(self._eio)
        if missing:
            log.error(
                "fast path disabled: aiohttp or engine.io internals have changed (%s)",
                "; ".join(missing),
            )
        websockets = WebSocketOptions(
            self._client.relay_signal if options.fast_path and not missing else None,
            self._connections.bad_packet,
            self._connections.bad_frame,
            self._budget,
            WriteBatch(),
            self._background.start,
        )
        replaced = {
            "websocket": functools.partial(WebSocket, options=websockets),
            "translate_request": translate_request,
        }
        self._eio._async = {**self._eio._async, **replaced}

    async def _opened(self, engine_sid: str, environ: dict[str, Any]) -> Any:
        socket = EngineSocket.adopt(self.sockets[engine_sid])
        self._connections.opened(socket, environ["aiohttp.request"])
        return await self._library_opened(engine_sid, environ)

    async def _ended(self, engine_sid: str, reason: str) -> None:
        self._connections.ended(engine_sid, address_in(self._sio.environ[engine_sid]))
        await self._library_ended(engine_sid, reason)
        socket = self._eio.sockets.get(engine_sid)
        if socket is not None:
            socket.abandon()
            if reason == self._eio.reason.CLIENT_DISCONNECT:
                socket.hang_up()  # engine.io would wait for the client to close its WebSocket
            elif reason == self._eio.reason.PING_TIMEOUT:
                socket.abort()

    async def _message(self, engine_sid: str, packet: str) -> None:
        socket = self.sockets.get(engine_sid)
        if socket is not None:
            await self._connections.message(socket, packet)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        socket = self.sockets[self._sio.manager.eio_sid_from_sid(sid, NAMESPACE)]
        forget_environ(environ)
        error = await self._client.connect(sid, socket, environ["aiohttp.request"], auth)
        if error is not None:
            raise socketio.exceptions.ConnectionRefusedError(*filter(None, error))
        forget_request(environ)

    async def handle_post(
        self, request: web.Request, socket: ClientSocket, packets: Sequence[str]
    ) -> web.StreamResponse:
        """Serve a POST of a client, given its packets."""
        if self._serves(socket):
            return await long_polling.take(socket, packets, self._connections.message)
        return await self.handle_request(request, packets)

    async def handle_poll(self, request: web.Request, socket: ClientSocket) -> web.StreamResponse:
        """Serve a GET of a client that asks for no WebSocket."""
        return await (
            long_polling.give(socket) if self._serves(socket) else self.handle_request(request)
        )

    def _serves(self, socket: ClientSocket) -> TypeGuard[EngineSocket]:
        """Whether engine.io is not needed: it is for compressed answers."""
        return (
            isinstance(socket, EngineSocket)
            and long_polling.polls(socket)
            and not self._eio.http_compression
        )

    async def handle_request(
        self, request: web.Request, packets: Sequence[str] = ()
    ) -> web.StreamResponse:
        """Serve one HTTP request of the Socket.IO path, given the packets of a POST."""
        # engine.io hands the arguments on to translate_request.
        response: Any = await self._sio.handle_request(request, packets)
        serve = getattr(response, "serve", None)
        if serve is not None:
            response.serve = None  # leave no cycle
            if not leave_request(request, response, lambda: self._background.start(serve())):
                await serve()
        return response  # type: ignore[no-any-return]

    async def disconnect(self, sid: str) -> None:
        """Send a Socket.IO DISCONNECT; does nothing if the client is gone."""
        await self._sio.disconnect(sid)

    def remove_socket(self, engine_sid: str) -> None:
        """Remove a connection that has ended and that engine.io 4.x may still look for."""
        self._eio.sockets.pop(engine_sid, None)

    def remove_client(self, sid: str) -> None:
        """Remove a client whose end python-socketio did not notice."""
        self._sio.manager.basic_disconnect(sid, NAMESPACE)

    async def shutdown(self) -> None:
        """Stop the library's background work."""
        await self._sio.shutdown()
        await self._background.cancel()


def _configured(settings: Settings) -> Any:
    options = settings.current.socketio
    return socketio.AsyncServer(
        client_manager=Clients(),
        async_mode="aiohttp",
        serializer=GuardedPacket,
        async_handlers=False,  # a task for each event would lose their order
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
        cors_allowed_origins=[],  # web/callers.py judges origins: engine.io knows no proxies
        transports=list(options.transports),
        http_compression=options.compression,
    )


def largest_frame(limits: LimitsSettings) -> int:
    """Bytes of a frame or POST. A larger one closes the connection, so this is well above the
    limit on a signal, which is answered.
    """
    return max(1_000_000, 4 * limits.message_bytes)
