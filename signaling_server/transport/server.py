"""The Socket.IO server: from packets to the relay's events, from its commands to packets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections import Counter
from typing import Any, Callable, Iterable
from urllib.parse import parse_qs

import socketio
from aiohttp import web

from signaling_server.background import Background
from signaling_server.core import config
from signaling_server.core.auth import Grant, Tokens, bind
from signaling_server.core.events import (
    Close,
    Command,
    Delivered,
    Fact,
    Forward,
    Joined,
    Left,
    Output,
    Reconfigured,
    Rejected,
    Send,
    Signalled,
    Ticked,
)
from signaling_server.core.hello import Hello, parse_hello, parse_token
from signaling_server.core.limits import Penalties, TokenBucket
from signaling_server.core.messages import parse_signal
from signaling_server.core.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.clock import use_monotonic_clock
from signaling_server.transport.connection import Connection
from signaling_server.transport.outbox import SendQueue
from signaling_server.transport.packets import BadPacket, GuardedPacket, ack_id_of_binary
from signaling_server.transport.polling import translate_request
from signaling_server.transport.websocket import WebSocket

log = logging.getLogger(__name__)

PERMANENT = frozenset({"unauthorized", "invalid-name", "invalid-format"})
"""Refusals at connect after which a client stays away: Socket.IO connect errors."""
RETRY_AFTER = 2
"""Seconds that an HTTP 503 asks a client to wait."""
SWEEP_SECONDS = 60
FAREWELL = 1.0
"""Seconds that a client which was told to go has for going by itself."""


_REASONS = {
    "transport close": "connection-lost",
    "transport error": "connection-lost",
    "ping timeout": "ping-timeout",
}


class Transport:
    """All Socket.IO connections of the server.

    `observe` is called with each fact. `handle_request` is the HTTP handler of the Socket.IO path.
    """

    def __init__(
        self,
        settings: config.Config,
        tokens: Tokens | None,
        relay: Relay,
        observe: Callable[[Fact], None],
    ) -> None:
        self._config = settings
        self._tokens = tokens
        self._penalties = Penalties()
        self._relay = relay
        self._observe = observe
        self._clock = time.monotonic
        self._background = Background()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closing = False
        self._connections: dict[str, Connection] = {}
        """By Socket.IO sid."""
        self._by_engine: dict[str, Connection] = {}
        """The same by engine.io sid."""
        self._by_address: Counter[str] = Counter()
        """How many engine.io sockets come from an address."""
        self._ice_servers = tuple(server.payload() for server in settings.ice_servers)
        self._sio = self._socketio()

    def _socketio(self) -> Any:
        use_monotonic_clock()
        options = self._config.socketio
        origins = options.cors_allowed_origins
        sio = socketio.AsyncServer(
            async_mode="aiohttp",
            serializer=GuardedPacket,
            async_handlers=False,  # a task for each event would lose their order
            logger=logging.getLogger("socketio"),
            engineio_logger=logging.getLogger("engineio"),
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            # Well above the limit on a signal, which is answered: this one closes the connection.
            max_http_buffer_size=max(1_000_000, 4 * self._config.limits.message_bytes),
            cors_allowed_origins=origins if isinstance(origins, str) else list(origins),
            # Any origin, and a browser that sends credentials by itself, would be no protection.
            cors_credentials=not (self._tokens is not None and origins == "*"),
            transports=list(options.transports),
            http_compression=options.compression,
        )
        sio.eio.create_queue = functools.partial(SendQueue, self._relay.budget)
        sio.eio._async = {
            **sio.eio._async,
            "translate_request": translate_request,
            "websocket": functools.partial(
                WebSocket, compression=options.compression, on_bad_frame=self._count_bad_packet
            ),
        }
        self._dispatch = sio.eio.handlers["message"]
        self._open = sio.eio.handlers["connect"]
        self._ended = sio.eio.handlers["disconnect"]
        sio.eio.on("message", self._on_message)
        sio.eio.on("connect", self._on_open)
        sio.eio.on("disconnect", self._on_end)
        sio.on("connect", self._on_connect)
        sio.on("disconnect", self._on_disconnect)
        sio.on("signal", self._on_signal)
        sio.on("ice_servers", self._on_ice_servers)
        return sio

    # --- HTTP -------------------------------------------------------------------------------------

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Serve the Socket.IO path; who has to wait gets a 503, after which clients try again."""
        if "sid" not in request.query:
            rejection = self._refusal(request)
            if rejection:
                sid, address = "", request.remote or ""
                self._observe(Rejected(sid, "", "", address, rejection.code, rejection.message))
                return web.json_response(
                    rejection.payload(), status=503, headers={"Retry-After": str(RETRY_AFTER)}
                )
        work = self._sio.handle_request(request)
        if request.method == "POST":  # a body that comes a byte a minute must not take a place
            options = self._config.socketio
            work = asyncio.wait_for(work, options.ping_interval + options.ping_timeout)
        response: web.StreamResponse = await work
        return response

    def _refusal(self, request: web.Request) -> Rejection | None:
        """Why this client has to wait, as far as its URL tells."""
        if self._closing:
            return Rejection("shutting-down", "the server is shutting down")
        limits = self._config.limits
        if len(self._sio.eio.sockets) >= limits.connections:
            return Rejection("server-full", f"the server has {limits.connections} connections")
        of_address = self._by_address[request.remote or ""]
        if 0 < limits.connections_per_address <= of_address:
            return Rejection("server-full", f"{of_address} connections come from this address")
        try:
            hello, _ = self._identify(None, parse_qs(request.query_string))
            self._relay.admit_early(hello, self._clock())
        except Rejection as rejection:
            return None if rejection.code in PERMANENT else rejection
        return None

    def _identify(self, auth: Any, query: dict[str, list[str]]) -> tuple[Hello, Grant | None]:
        """Who a client is, and by which grant; raises Rejection."""
        default = self._config.rooms.default
        if self._tokens is None:
            return parse_hello(auth, query, default), None
        grant = self._tokens.check(parse_token(auth, query), time.time())
        return bind(parse_hello(auth, query, ""), grant, default), grant

    # --- engine.io: connections before they say hello, and their packets --------------------------

    async def _on_open(self, engine_sid: str, environ: dict[str, Any]) -> Any:
        self._by_address[_address(environ)] += 1
        deadline = self._config.limits.connect_deadline
        asyncio.get_running_loop().call_later(deadline, self._check_hello, engine_sid)
        return await self._open(engine_sid, environ)

    async def _on_end(self, engine_sid: str, reason: str) -> None:
        address = _address(self._sio.environ[engine_sid])
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        await self._ended(engine_sid, reason)
        socket = self._sio.eio.sockets.get(engine_sid)
        if socket is not None:
            socket.queue.abandon()
            _let_go_of_poll(socket)

    async def keep_sweeping(self) -> None:
        """Let go of members whose socket is gone without a word; python-socketio can leave such."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    def sweep(self) -> int:
        """One round of it; returns how many there were."""
        alive = self._sio.eio.sockets
        lost = [
            connection
            for connection in self._connections.values()
            if alive.get(connection.socket.sid) is not connection.socket
        ]
        for connection in lost:
            log.warning("%s has no socket any more and is let go", connection.peer_id)
            self._on_disconnect(connection.sid, "transport error")
        return len(lost)

    def _check_hello(self, engine_sid: str) -> None:
        socket = self._sio.eio.sockets.get(engine_sid)
        if socket is not None and engine_sid not in self._by_engine:
            self._abort(socket)

    async def _on_message(self, engine_sid: str, data: Any) -> None:
        """Every Socket.IO packet passes here; nothing it does ends in a traceback."""
        connection = self._by_engine.get(engine_sid)
        if isinstance(data, bytes):
            return  # the attachment of an event that was refused
        try:
            if (connection is None) != (isinstance(data, str) and data.startswith("0")):
                raise BadPacket("a CONNECT comes first, and once")
            await self._dispatch(engine_sid, data)
        except BadPacket:
            self._count_bad_packet(engine_sid)
        except Rejection as rejection:
            if connection:
                answer = self._reject(connection, rejection)
                ack_id = ack_id_of_binary(data)
                if ack_id:
                    connection.answer(ack_id, answer)
        except Exception:
            log.exception("a packet could not be handled; its connection is closed")
            socket = self._sio.eio.sockets.get(engine_sid)
            if socket is not None:
                self._abort(socket)
        if connection is None and engine_sid in self._by_engine:
            self._by_engine[engine_sid].outbox.uncork()

    def _count_bad_packet(self, engine_sid: str) -> None:
        connection = self._by_engine.get(engine_sid)
        socket = self._sio.eio.sockets.get(engine_sid)
        if connection is not None:
            connection.bad_packets += 1
            self._note_rejection(connection, Rejection("invalid-format", "malformed packet"))
            if connection.bad_packets <= self._config.limits.bad_packets:
                return
        if socket is not None:
            self._abort(socket)

    # --- Socket.IO events -------------------------------------------------------------------------

    async def _on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        engine_sid = self._sio.manager.eio_sid_from_sid(sid, "/")
        socket = self._sio.eio.sockets[engine_sid]
        limits = self._config.limits
        bucket = TokenBucket(limits.messages_per_second, limits.burst, self._clock())
        connection = Connection(sid, socket, _address(environ), bucket)
        try:
            query = parse_qs(environ["QUERY_STRING"])
            connection.hello, connection.grant = self._identify(auth, query)
            outputs = self._relay.handle(
                Joined(
                    sid,
                    connection.hello,
                    connection.address,
                    connection.transport,
                    self._ice_servers,
                ),
                self._clock(),
            )
        except Rejection as rejection:
            self._note_rejection(connection, rejection)
            if rejection.code in PERMANENT:
                if rejection.code == "unauthorized":
                    await asyncio.sleep(self._penalties.failed(connection.address, self._clock()))
                self._background.start(self._finish(socket, after=FAREWELL))
                raise socketio.exceptions.ConnectionRefusedError(
                    rejection.code, rejection.payload()
                ) from None
            # After a connect error a client never comes back, after a lost connection it does.
            outputs = [Send(sid, "error", rejection.payload())]
            self._background.start(self._finish(socket))
        except Exception:
            # python-socketio would keep what it noted of this client for ever.
            log.exception("a client could not be entered")
            raise socketio.exceptions.ConnectionRefusedError("internal error") from None
        self._connections[sid] = self._by_engine[engine_sid] = connection
        self._perform(outputs)

    def _on_disconnect(self, sid: str, reason: str) -> None:
        connection = self._connections.pop(sid)
        self._by_engine.pop(connection.socket.sid, None)
        goodbye = reason == "client disconnect" or connection.said_goodbye
        reason = connection.closed_for or ("goodbye" if goodbye else _REASONS.get(reason, reason))
        self._perform(self._relay.handle(Left(sid, reason, goodbye), self._clock()))
        self._observe(connection.disconnected(reason))

    def _on_signal(self, sid: str, text: str) -> dict[str, Any]:
        """Relay a signal; returns the answer for a client that asked for one."""
        connection = self._connections[sid]
        connection.received += 1
        limits = self._config.limits
        now = self._clock()
        try:
            if not connection.bucket.take(now):
                raise Rejection(
                    "rate-limited", f"more than {limits.messages_per_second:g} signals a second"
                )
            signal = parse_signal(text, limits.message_bytes, limits.json_depth)
            outputs = self._relay.handle(Signalled(sid, signal), now)
        except Rejection as rejection:
            return self._reject(connection, rejection)
        self._perform(outputs)
        for output in outputs:
            if type(output) is Delivered:
                return {"ok": True, "delivered": output.delivered, "held": output.held > 0}
        return {
            "ok": False,
            "error": {"code": "replaced", "message": "a newer connection is there"},
        }

    def _on_ice_servers(self, sid: str, text: str) -> dict[str, Any]:
        return {"ice_servers": list(self._ice_servers), "ttl": None}

    # --- commands ---------------------------------------------------------------------------------

    def _perform(self, outputs: Iterable[Output]) -> None:
        """Carry out the relay's commands and pass its facts on, in order."""
        for output in outputs:
            if isinstance(output, (Forward, Send, Close)):
                connection = self._connections.get(output.sid)
                if connection is not None:
                    self._carry_out(output, connection)
            else:
                self._observe(output)
        self._set_timer()

    def _carry_out(self, command: Command, connection: Connection) -> None:
        if isinstance(command, Forward):
            connection.forward(command.signal, command.sender, command.seq)
        elif isinstance(command, Send):
            connection.emit(command.event, command.payload)
        else:
            connection.closed_for = command.code
            self._background.start(self._dismiss(connection))
            return
        limits, outbox, budget = self._config.limits, connection.outbox, self._relay.budget
        if (
            outbox.messages > limits.send_queue_messages
            or outbox.bytes > limits.send_queue_bytes
            or (budget.used > budget.total and outbox.messages > 1)
        ):
            self._abort(connection.socket, "slow-consumer")

    def _set_timer(self) -> None:
        deadline = self._relay.next_deadline()
        if self._timer is not None and deadline == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer_at = deadline
            self._timer = loop.call_later(max(0.0, deadline - self._clock()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._relay.handle(Ticked(), self._clock()))

    def _reject(self, connection: Connection, rejection: Rejection) -> dict[str, Any]:
        """Tell a client what it did wrong; returns the answer for a client that asked for one."""
        connection.emit("error", rejection.payload())
        self._note_rejection(connection, rejection)
        return {"ok": False, "error": {"code": rejection.code, "message": rejection.message}}

    def _note_rejection(self, connection: Connection, rejection: Rejection) -> None:
        text = f"{rejection.message} ({rejection.note})" if rejection.note else rejection.message
        self._observe(connection.rejected(rejection.code, text))

    def _may_stay(self, connection: Connection) -> bool:
        grant = connection.grant
        return self._tokens is None or (grant is not None and self._tokens.still_grants(grant))

    # --- closing ----------------------------------------------------------------------------------

    def _abort(self, socket: Any, reason: str = "connection-lost") -> None:
        """End a connection at once, in the way that lets its client come back."""
        connection = self._by_engine.get(socket.sid)
        if connection is not None:
            connection.closed_for = connection.closed_for or reason
        websocket = getattr(socket, "websocket", None)
        if websocket is not None:
            websocket.tcp.abort()
        if not socket.upgraded:
            self._background.start(socket.close(wait=False, abort=True))

    async def _finish(self, socket: Any, after: float = 0.0, within: float = FAREWELL) -> None:
        """End a connection when all that waits for it is written, or after `within` seconds."""
        await asyncio.sleep(after)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(socket.queue.join(), within)
        websocket = getattr(socket, "websocket", None)
        if websocket is not None and websocket.tcp is not None:
            websocket.tcp.close()
        if not socket.upgraded:
            self._abort(socket)

    async def _dismiss(self, connection: Connection) -> None:
        """Tell a client to go and stay away; end its connection if it does not go."""
        await self._sio.disconnect(connection.sid)
        await self._finish(connection.socket, after=FAREWELL)

    async def close(self, drain: float) -> None:
        """End all connections within `drain` seconds so that clients come back; refuse new ones."""
        self._closing = True
        sockets = list(self._sio.eio.sockets.values())
        await asyncio.gather(*(self._finish(socket, within=drain) for socket in sockets))
        await self._sio.shutdown()
        if self._timer is not None:
            self._timer.cancel()
        await self._background.cancel()

    # --- for others -------------------------------------------------------------------------------

    def reconfigure(self, settings: config.Config, tokens: Tokens | None) -> None:
        """Go on with a new configuration; who has no good token any more must go."""
        self._config = settings
        self._tokens = tokens
        for connection in list(self._connections.values()):
            if not self._may_stay(connection):
                rejection = Rejection("unauthorized", "the token was taken away")
                self._reject(connection, rejection)
                connection.closed_for = rejection.code
                self._background.start(self._dismiss(connection))
        self._ice_servers = tuple(server.payload() for server in settings.ice_servers)
        self._perform(self._relay.handle(Reconfigured(settings), self._clock()))


def _address(environ: dict[str, Any]) -> str:
    """Where a connection comes from. X-Forwarded headers are not believed: anyone can send them."""
    return environ["aiohttp.request"].remote or ""


def _let_go_of_poll(socket: Any) -> None:
    """Answer the GET that waits for packets: engine.io would let it wait for the ping timeout."""
    if not socket.upgraded:
        socket.queue.put_nowait(None)
