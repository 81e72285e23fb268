"""Engine.IO connections and their packets, before a Socket.IO event is made of them.

Two deadlines run from `limits.connect_deadline`, because a caller can stop at two places: the
listener's door closes TCP connections that have sent no complete HTTP request, and this gate closes
Engine.IO connections that have sent no CONNECT.
"""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Callable

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.announcement import dumps
from signaling_server.core.protocol.events import Fact, Refused, Rejected
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.refusals import MAX_SHOWN, REASONS, shown
from signaling_server.entrance import Entrance
from signaling_server.errors import Rejection
from signaling_server.transport.admission import Admission, address_of
from signaling_server.transport.closing import FAREWELL, Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.engine.frame_counter import BadFrame
from signaling_server.transport.engine.packets import (
    BadPacket,
    ack_id_of_binary,
    namespace_of_connect,
)
from signaling_server.transport.engine.plain_signal import MESSAGE, plain_signal
from signaling_server.transport.engine.polling import query_of
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import SocketIOServer
from signaling_server.transport.handlers import Handlers
from signaling_server.transport.switchboard import Switchboard

CONNECT = "0"
"""Begins the packet with which a Socket.IO client introduces itself."""


class Gate:
    """Lets each packet pass at its time: CONNECT first and once, then the others."""

    def __init__(
        self,
        settings: Settings,
        engine: SocketIOServer,
        connections: Connections,
        admission: Admission,
        handlers: Handlers,
        switchboard: Switchboard,
        closer: Closer,
        observe: Callable[[Fact], None],
        entrance: Entrance,
    ) -> None:
        self._entrance = entrance
        self._settings = settings
        self._engine = engine
        self._connections = connections
        self._admission = admission
        self._handlers = handlers
        self._switchboard = switchboard
        self._closer = closer
        self._observe = observe
        self._greeted: set[str] = set()
        """The engine.io sids whose CONNECT has come."""
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        """By engine.io sid: of those whose CONNECT has not come."""

    def opened(self, socket: ClientSocket, request: web.Request) -> None:
        """There is a new connection: its CONNECT has to come before the deadline."""
        address = socket.address = address_of(request)
        self._admission.opened(address)
        if not self._admission.vouches(query_of(request)):
            self._entrance.add(socket.sid, address, functools.partial(self._closer.abort, socket))
            self._entrance.progress(socket.sid)
        limits = self._settings.current.limits
        socket.frames = TokenBucket(limits.messages_per_second, limits.burst, time.monotonic())
        deadline = limits.connect_deadline
        self._deadlines[socket.sid] = asyncio.get_running_loop().call_later(
            deadline, self._check_connected, socket.sid, address, deadline
        )

    def ended(self, engine_sid: str, address: str) -> None:
        """It has ended."""
        self._admission.ended(address)
        self._entrance.leave(engine_sid)
        self._greeted.discard(engine_sid)
        self._cancel_deadline(engine_sid)

    def _cancel_deadline(self, engine_sid: str) -> None:
        timer = self._deadlines.pop(engine_sid, None)
        if timer is not None:
            timer.cancel()

    def _check_connected(self, engine_sid: str, address: str, deadline: float) -> None:
        del self._deadlines[engine_sid]
        socket = self._engine.sockets.get(engine_sid)
        if socket is not None and not socket.closed:
            message = f"no CONNECT in {deadline:g} s"
            self._observe(Rejected("", "", "", address, "invalid-format", message))
            self._closer.abort(socket)

    async def message(self, socket: ClientSocket, packet: str) -> None:
        """Take a Socket.IO packet. Nothing that it does ends in a traceback of the library."""
        if socket.closing:
            return  # what follows a goodbye
        connection = self._connections.by_engine.get(socket.sid)
        namespace = namespace_of_connect(packet)
        if namespace:
            self._refuse_namespace(socket, namespace)
            return
        try:
            self._check_order(socket.sid, connection, packet)
            if connection is not None:
                await self._switchboard.turn(connection.hello.room)
                if self._connections.by_engine.get(socket.sid) is not connection:
                    return  # it ended meanwhile
                if self._relayed(socket, connection, packet):
                    return
            await self._engine.dispatch(socket.sid, packet)
            self._after(socket, connection)
        except BadPacket:
            self.bad_packet(socket)
        except Rejection as rejection:
            if connection is not None:
                self._reject(connection, rejection, packet)
        except Exception:
            self._closer.abort_after_crash(socket)

    def _relayed(self, socket: ClientSocket, connection: Connection, packet: str) -> bool:
        """Relay a plain signal that came in a POST, or in a frame that the fast path did not take.
        False: python-socketio has to.

        Without the fast path it has to, unless another host serves the room: it would wait for the
        answer of that host, and read nothing else of the client meanwhile.
        """
        if connection.door is None and not self._settings.current.socketio.fast_path:
            return False
        plain = plain_signal(f"{MESSAGE}{packet}")
        return plain is not None and self._handlers.relay_signal(socket.sid, *plain)

    def _refuse_namespace(self, socket: ClientSocket, namespace: str) -> None:
        """Answer a CONNECT to a namespace other than `/` with a connect error that says why.

        One connection may carry clients of several namespaces: it ends only if no other one comes.
        """
        if not socket.allow_frame():
            self.bad_frame(socket, BadFrame("rate-limited", "too many CONNECTs"))
            return
        advice = REASONS["unknown-namespace"].advice
        error = {"message": f"Invalid namespace {namespace[:MAX_SHOWN]}: {advice}"}
        socket.write(f"4{namespace},{dumps(error)}")
        detail = f"it asks for the Socket.IO namespace {shown(namespace)}, which is not there"
        self._observe(Refused(socket.address, "unknown-namespace", detail))
        asyncio.get_running_loop().call_later(FAREWELL, self._close_unless_greeted, socket)

    def _close_unless_greeted(self, socket: ClientSocket) -> None:
        if socket.sid in self._engine.sockets and socket.sid not in self._greeted:
            self._closer.close(socket)

    def _check_order(self, engine_sid: str, connection: Connection | None, packet: str) -> None:
        """Raises BadPacket for a second CONNECT, for anything before the first is accepted, and for
        an empty packet.
        """
        greets, greeted = packet.startswith(CONNECT), engine_sid in self._greeted
        if greets == greeted or not (greets or connection):
            raise BadPacket("a CONNECT comes first, and once")
        if not packet:
            raise BadPacket("an empty packet")  # python-socketio 5.x would not decode it, but act
        if greets:
            self._greeted.add(engine_sid)
            self._cancel_deadline(engine_sid)

    def _after(self, socket: ClientSocket, before: Connection | None) -> None:
        """After a packet: uncork a client that it admitted, close one that it did not."""
        connection = self._connections.by_engine.get(socket.sid)
        if connection is None:
            if not socket.closed:
                self._closer.close(socket, after=FAREWELL)
        elif before is None:
            self._entrance.leave(socket.sid)
            connection.outbox.uncork()
            if socket.closed:  # it ended while its CONNECT was handled
                self._handlers.forget(connection)
                self._closer.abort(socket)
        else:
            self._switchboard.check_queue(connection)  # acks of python-socketio wait there too

    def _reject(self, connection: Connection, rejection: Rejection, packet: str) -> None:
        answer = self._switchboard.reject(connection, rejection)
        ack_id = ack_id_of_binary(packet)
        if ack_id:
            connection.answer(ack_id, answer)

    def bad_packet(self, socket: ClientSocket) -> None:
        """Count a malformed packet; close the connection after too many, or before CONNECT."""
        connection = self._connections.by_engine.get(socket.sid)
        if connection is not None:
            connection.bad_packets += 1
            self._switchboard.record(connection, Rejection("invalid-format", "malformed packet"))
            if connection.bad_packets <= self._settings.current.limits.bad_packets:
                return
        self._closer.abort(socket)

    def bad_frame(self, socket: ClientSocket, error: BadFrame) -> None:
        """End the connection of a client that sends too many frames, or one without a mask."""
        rejection = Rejection(error.code, f"{error}: the connection is closed")
        connection = self._connections.by_engine.get(socket.sid)
        if connection is not None:
            self._switchboard.record(connection, rejection)
        else:
            self._observe(Rejected("", "", "", socket.address, error.code, rejection.message))
        self._closer.abort(socket, error.code)
