"""The Socket.IO server: from packets to the relay's events, from its commands to packets."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import Any, Callable

import socketio

from signaling_server.background import Background
from signaling_server.core.config.schema import LimitsSettings, Loaded
from signaling_server.core.protocol.events import (
    Fact,
    Joined,
    Left,
    Output,
    Reconfigured,
    Rejected,
    Send,
    SignalAccepted,
    Ticked,
)
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.messages import parse_argument
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.rtc_report import ConnectionReport, parse_report
from signaling_server.core.protocol.turn_credentials import ice_servers
from signaling_server.errors import Rejection
from signaling_server.transport.admission import PERMANENT, Admission, address_of
from signaling_server.transport.closing import FAREWELL, Closer
from signaling_server.transport.connection import Connection
from signaling_server.transport.endpoint import SocketIOEndpoint
from signaling_server.transport.engine.clock import use_monotonic_clock
from signaling_server.transport.engine.frames import SIGNAL
from signaling_server.transport.engine.packets import BadPacket, GuardedPacket, ack_id_of_binary
from signaling_server.transport.engine.polling import translate_request
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.websocket import WebSocket, missing_internals
from signaling_server.transport.engine.write_batch import WriteBatch
from signaling_server.transport.switchboard import Switchboard

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60
REPORT_BYTES = 4096
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
        loaded: Loaded,
        relay: Relay,
        observe: Callable[[Fact], None],
        report: Callable[[str, str, ConnectionReport], None],
    ) -> None:
        self._relay = relay
        self._observe = observe
        self._report = report
        self._background = Background()
        self._by_engine: dict[str, Connection] = {}
        """The connections by engine.io sid."""
        self._greeted: set[str] = set()
        """The engine.io sids whose CONNECT has come."""
        self._use(loaded)
        self._sio = self._socketio(with_tokens=loaded.tokens is not None)
        self._sockets: dict[str, Any] = self._sio.eio.sockets
        """engine.io's sockets by sid: connections, and who has not said hello yet."""
        self._ending = Closer(self._sio, self._by_engine, self._background)
        self._switchboard = Switchboard(relay, loaded.config.limits, self._ending, observe)
        self._connections = self._switchboard.connections
        """The same by Socket.IO sid."""
        self._admission = Admission(loaded.config, loaded.tokens, relay, lambda: len(self._sockets))
        handshake = SocketIOEndpoint(
            self._sio, self._admission, self._ending, relay.budget, observe
        )
        self.handle_request = handshake.handle

    def _use(self, loaded: Loaded) -> None:
        self._config = loaded.config
        self._turn_secret = loaded.turn_secret

    def _socketio(self, with_tokens: bool) -> Any:
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
            max_http_buffer_size=_largest_frame(self._config.limits),
            cors_allowed_origins=origins if isinstance(origins, str) else list(origins),
            cors_credentials=self._credentials(with_tokens),
            transports=list(options.transports),
            http_compression=options.compression,
        )
        sio.eio.create_queue = functools.partial(SendQueue, self._relay.budget)
        missing = missing_internals(sio.eio)
        if missing:
            log.error("signals take the ordinary path, a library has changed: %s", missing)
        websocket = functools.partial(
            WebSocket,
            compression=options.compression,
            on_signal=self._on_signal_frame if options.fast_path and not missing else None,
            on_bad_frame=self._count_bad_packet,
            budget=self._relay.budget,
            turn=WriteBatch(),
        )
        ours = {"websocket": websocket, "translate_request": translate_request}
        sio.eio._async = {**sio.eio._async, **ours}
        self._dispatch = sio.eio.handlers["message"]
        self._open = sio.eio.handlers["connect"]
        self._end = sio.eio.handlers["disconnect"]
        sio.eio.on("message", self._on_message)
        sio.eio.on("connect", self._on_open)
        sio.eio.on("disconnect", self._on_end)
        sio.on("connect", self._on_connect)
        sio.on("disconnect", self._on_disconnect)
        sio.on("signal", self._on_signal)
        sio.on("ice_servers", self._on_ice_servers)
        sio.on("report", self._on_report)
        return sio

    def _credentials(self, with_tokens: bool) -> bool:
        """Whether a browser may send any by itself: with any origin that would be no protection."""
        return not (with_tokens and self._config.socketio.cors_allowed_origins == "*")

    # --- engine.io: connections before they say hello, and their packets --------------------------

    async def _on_open(self, engine_sid: str, environ: dict[str, Any]) -> Any:
        address = address_of(environ["aiohttp.request"])
        self._admission.opened(address)
        deadline = self._config.limits.connect_deadline
        asyncio.get_running_loop().call_later(
            deadline, self._check_hello, engine_sid, address, deadline
        )
        return await self._open(engine_sid, environ)

    async def _on_end(self, engine_sid: str, reason: str) -> None:
        self._admission.ended(address_of(self._sio.environ[engine_sid]["aiohttp.request"]))
        self._greeted.discard(engine_sid)
        await self._end(engine_sid, reason)
        socket = self._sockets.get(engine_sid)
        if socket is not None:
            socket.queue.abandon()
            poll = socket.queue.poll
            if poll is not None and poll.transport and poll.transport.get_write_buffer_size():
                poll.transport.abort()
            if not socket.upgraded:
                # Answers the GET that waits: engine.io would let it wait for the ping timeout.
                socket.queue.put_nowait(None)

    def _check_hello(self, engine_sid: str, address: str, deadline: float) -> None:
        socket = self._sockets.get(engine_sid)
        if socket is not None and engine_sid not in self._greeted:
            message = f"no CONNECT in {deadline:g} s"
            self._observe(Rejected("", "", "", address, "invalid-format", message))
            self._ending.abort(socket)

    async def _on_message(self, engine_sid: str, data: Any) -> None:
        """Every Socket.IO packet passes here; nothing it does ends in a traceback."""
        connection = self._by_engine.get(engine_sid)
        socket = self._sockets.get(engine_sid)
        if isinstance(data, bytes) or socket is None or socket.closing:
            return  # the attachment of an event that was refused; or what follows a goodbye
        try:
            greets = isinstance(data, str) and data.startswith("0")
            if greets == (engine_sid in self._greeted) or (connection is None and not greets):
                raise BadPacket("a CONNECT comes first, and once")
            if not data:  # the library would not decode it, and act on a packet of nothing
                raise BadPacket("an empty packet")
            self._greeted.add(engine_sid)
            await self._dispatch(engine_sid, data)
            self._settle(engine_sid, connection)
        except BadPacket:
            self._count_bad_packet(engine_sid)
        except Rejection as rejection:
            if connection:
                answer = self._reject(connection, rejection)
                ack_id = ack_id_of_binary(data)
                if ack_id:
                    connection.answer(ack_id, answer)
        except Exception:
            self._crashed(engine_sid)

    def _settle(self, engine_sid: str, before: Connection | None) -> None:
        """After a packet: who came in by it may hear, who is not in any more has to go."""
        socket = self._sockets.get(engine_sid)
        connection = self._by_engine.get(engine_sid)
        if connection is None:
            if socket is not None:
                self._ending.finish_soon(socket, after=FAREWELL)
        elif before is None:
            connection.outbox.uncork()
            if socket is None or socket.closed:  # it ended while it was let in
                self._let_go(connection)
                self._ending.abort(connection.socket)
        else:
            self._switchboard.check_queue(connection)  # answers wait there as well

    def _crashed(self, engine_sid: str) -> None:
        """A mistake of ours costs one connection, and never the server."""
        log.exception("a packet could not be handled; its connection is closed")
        socket = self._sockets.get(engine_sid)
        if socket is not None:
            self._ending.abort(socket)

    def _count_bad_packet(self, engine_sid: str) -> None:
        connection = self._by_engine.get(engine_sid)
        if connection is not None:
            connection.bad_packets += 1
            self._note(connection, Rejection("invalid-format", "malformed packet"))
            if connection.bad_packets <= self._config.limits.bad_packets:
                return
        if engine_sid in self._sockets:
            self._ending.abort(self._sockets[engine_sid])

    # --- Socket.IO events -------------------------------------------------------------------------

    async def _on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        engine_sid = self._sio.manager.eio_sid_from_sid(sid, "/")
        socket = self._sockets[engine_sid]
        limits = self._config.limits
        bucket = TokenBucket(limits.messages_per_second, limits.burst, time.monotonic())
        connection = Connection(sid, socket, address_of(environ["aiohttp.request"]), bucket)
        outputs: list[Output]
        try:
            hello, grant = self._admission.identify(auth, environ["QUERY_STRING"])
            connection.hello, connection.grant = hello, grant
            servers, _ = self._ice_servers(connection)
            joined = Joined(sid, hello, connection.address, connection.transport, servers)
            outputs = self._relay.handle(joined, time.monotonic())
        except Rejection as rejection:
            self._note(connection, rejection)
            if rejection.code in PERMANENT:
                if rejection.code == "unauthorized":
                    penalty = self._admission.penalty(connection.address)
                    # Whoever is gone before a connect handler ends would never be let go.
                    await asyncio.sleep(min(penalty, self._config.socketio.ping_timeout / 2))
                raise socketio.exceptions.ConnectionRefusedError(
                    rejection.code, rejection.payload()
                ) from None
            # After a connect error a client never comes back, after a lost connection it does.
            outputs = [Send(sid, "error", rejection.payload())]
            self._ending.finish_soon(socket)
        except Exception:
            # Any other exception, and python-socketio would keep the sid for ever.
            log.exception("a client could not be entered")
            raise socketio.exceptions.ConnectionRefusedError("internal error") from None
        self._connections[sid] = self._by_engine[engine_sid] = connection
        self._switchboard.perform(outputs)

    def _on_disconnect(self, sid: str, reason: str) -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:  # let go before
            return
        self._by_engine.pop(connection.socket.sid, None)
        goodbye = reason == "client disconnect" or connection.said_goodbye
        reason = connection.closed_for or ("goodbye" if goodbye else _REASONS.get(reason, reason))
        try:
            self._switchboard.handle(Left(sid, reason, goodbye))
            self._observe(connection.disconnected(reason))
        except Exception:
            # With an exception, python-socketio would keep the sid; the sweeper finds the peer.
            log.exception("a client could not be let go")

    def _on_signal(self, sid: str, text: str) -> dict[str, Any]:
        connection = self._connections[sid]
        try:
            outputs = self._switchboard.signal(connection, text)
        except Rejection as rejection:
            return self._reject(connection, rejection)
        for output in outputs:
            if isinstance(output, SignalAccepted):
                return {"ok": True, "delivered": output.delivered, "held": output.held > 0}
        message = "a newer connection is there"
        return {"ok": False, "error": {"code": "replaced", "message": message}}

    def _on_signal_frame(self, engine_sid: str, text: str) -> bool:
        """The short way of an ordinary signal; False if it has to go the long way."""
        connection = self._by_engine.get(engine_sid)
        if connection is None:
            return False
        try:
            self._switchboard.signal(connection, text[len(SIGNAL) : -1])
        except Rejection as rejection:
            self._reject(connection, rejection)
        except Exception:
            self._crashed(engine_sid)
        return True

    def _on_ice_servers(self, sid: str, text: str) -> dict[str, Any]:
        connection = self._connections[sid]
        try:
            self._switchboard.count(connection)
        except Rejection as rejection:
            return self._reject(connection, rejection)
        servers, ttl = self._ice_servers(connection)
        return {"ice_servers": servers, "ttl": ttl}

    def _ice_servers(self, connection: Connection) -> tuple[list[dict[str, Any]], int | None]:
        return ice_servers(self._config, self._turn_secret, connection.peer_id, time.time())

    def _on_report(self, sid: str, text: str) -> dict[str, Any]:
        connection = self._connections[sid]
        try:
            self._switchboard.count(connection)
            report = parse_report(parse_argument(text, REPORT_BYTES))
        except Rejection as rejection:
            return self._reject(connection, rejection)
        self._report(connection.hello.room, connection.peer_id, report)
        return {"ok": True}

    def _reject(self, connection: Connection, rejection: Rejection) -> dict[str, Any]:
        """Tell a client what it did wrong; returns the answer for a client that asked for one."""
        if connection.emit("error", rejection.payload()):
            self._switchboard.check_queue(connection)
        self._note(connection, rejection)
        return {"ok": False, "error": {"code": rejection.code, "message": rejection.message}}

    def _note(self, connection: Connection, rejection: Rejection) -> None:
        self._observe(connection.rejected(rejection.code, rejection.noted))

    async def close(self, drain: float) -> None:
        """End all connections within `drain` seconds so that clients come back; refuse new ones."""
        self._admission.closing = True
        sockets = list(self._sockets.values())
        await asyncio.gather(*(self._ending.finish(socket, within=drain) for socket in sockets))
        await self._sio.shutdown()
        self._switchboard.cancel()
        await self._background.cancel()

    # --- for others -------------------------------------------------------------------------------

    def reconfigure(self, loaded: Loaded) -> None:
        """Go on with a new configuration; who has no good token any more must go."""
        self._use(loaded)
        self._switchboard.limits = loaded.config.limits
        self._admission.reconfigure(loaded.config, loaded.tokens)
        self._sio.eio.max_http_buffer_size = _largest_frame(loaded.config.limits)
        self._sio.eio.cors_credentials = self._credentials(loaded.tokens is not None)
        for connection in list(self._connections.values()):
            if not self._admission.may_stay(connection.grant):
                rejection = Rejection("unauthorized", "the token was taken away")
                self._reject(connection, rejection)
                self._ending.dismiss(connection, rejection.code)
        self._switchboard.handle(Reconfigured(loaded.config))

    @property
    def queue_high_water(self) -> int:
        """Most packets that ever waited for one client."""
        return SendQueue.high_water

    async def keep_sweeping(self) -> None:
        """Let go of members whose socket is gone without a word; python-socketio can leave such."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()
            self._switchboard.handle(Ticked())

    def sweep(self) -> int:
        """One round of it; returns how many there were."""
        lost = [
            connection
            for connection in self._connections.values()
            if self._sockets.get(connection.socket.sid) is not connection.socket
        ]
        for connection in lost:
            log.warning("%s has no socket any more and is let go", connection.peer_id)
            self._let_go(connection)
        ghosts = [sid for sid in self._relay.peers if sid not in self._connections]
        for sid in ghosts:
            log.warning("%s has no connection any more and is let go", sid)
            self._switchboard.handle(Left(sid, "connection-lost", False))
        return len(lost) + len(ghosts)

    def _let_go(self, connection: Connection) -> None:
        """End a connection whose end engine.io did not tell."""
        self._on_disconnect(connection.sid, "transport error")
        self._sio.manager.basic_disconnect(connection.sid, "/")


def _largest_frame(limits: LimitsSettings) -> int:
    """Bytes of a frame or POST. A larger one closes the connection, so this is well above the
    limit on a signal, which is answered.
    """
    return max(1_000_000, 4 * limits.message_bytes)
