"""What a Socket.IO client does: connect, disconnect, and the three events that it may send."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from typing import AbstractSet, Any, Callable, Mapping

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import (
    Fact,
    Left,
    Output,
    Send,
    SignalAccepted,
)
from signaling_server.core.protocol.limits import Penalties
from signaling_server.core.protocol.messages import parse_argument
from signaling_server.core.protocol.rtc_report import ConnectionReport, parse_report
from signaling_server.core.protocol.unknown_events import unknown_event
from signaling_server.entrance import Entrance
from signaling_server.errors import Rejection
from signaling_server.transport.admission import PERMANENT, Admission, address_of
from signaling_server.transport.arrival import Arrival
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.edge import EdgeDoor
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import ConnectError, SocketIOServer
from signaling_server.transport.switchboard import Switchboard

log = logging.getLogger(__name__)

REPORT_BYTES = 4096
"""The longest `report`."""
LIBRARY_LOST = "transport error"
"""python-socketio's reason for a connection that broke."""
_REASONS = {
    "transport close": "connection-lost",
    LIBRARY_LOST: "connection-lost",
    "ping timeout": "ping-timeout",
}
"""python-socketio's reasons in the words of the protocol."""
REPLACED: dict[str, Any] = {
    "ok": False,
    "error": {"code": "replaced", "message": "a newer connection has taken over"},
}
"""The answer to a signal of a client that a newer connection has replaced."""


class Handlers:
    """The handlers of Socket.IO events. `report` is called with (room, peer_id, report).

    `withheld()` are the URLs of ICE servers that clients do not get.
    """

    def __init__(
        self,
        settings: Settings,
        engine: SocketIOServer,
        connections: Connections,
        admission: Admission,
        switchboard: Switchboard,
        closer: Closer,
        observe: Callable[[Fact], None],
        report: Callable[[str, str, ConnectionReport], None],
        entrance: Entrance,
        withheld: Callable[[], AbstractSet[str]] = frozenset,
    ) -> None:
        self._entrance = entrance
        self._settings = settings
        self._engine = engine
        self._connections = connections
        self._admission = admission
        self._switchboard = switchboard
        self._closer = closer
        self._observe = observe
        self._report = report
        self.arrival = Arrival(settings, admission, switchboard, withheld)
        self.events: Mapping[str, Callable[[str, str], Any]] = {
            "signal": self.signal_anywhere,
            "ice_servers": self.ice_servers,
            "report": self.report,
        }

    async def connect(
        self, sid: str, socket: ClientSocket, request: web.Request, auth: Any
    ) -> ConnectError | None:
        """Let a client join; returns the connect error that refuses it."""
        limits = self._settings.current.limits
        connection = Connection(sid, socket, address_of(request), limits)
        try:
            if socket.sid in self._entrance:  # it takes a place that its handshake did not
                self._admission.refuse_if_full()
            outputs = await self.arrival.join(connection, request, auth)
        except Rejection as rejection:
            self._switchboard.record(connection, rejection)
            if rejection.code in PERMANENT:
                told = await self._punished(connection, rejection)
                return ConnectError(told.code, told.payload())
            # After a connect error a client never comes back, after a lost connection it does.
            outputs = [Send(sid, "error", rejection.payload())]
            self._closer.close(socket)
        except Exception:
            # After any other exception python-socketio 5.x would keep the sid forever.
            log.exception("a connect handler failed")
            return ConnectError("internal error")
        self._connections.add(connection)
        # `welcome` is made here and waits in the corked outbox: python-socketio answers CONNECT
        # only after this handler has returned, and nothing may come before that answer.
        self._switchboard.perform(outputs)
        return None

    async def _punished(self, connection: Connection, rejection: Rejection) -> Rejection:
        """What a client is told, after a while if its address has guessed before.

        Never so late that the client has given up: if its turn is not soon, it hears that instead.
        """
        if rejection.code != "unauthorized":
            return rejection
        penalty = self._admission.penalty(connection.address)
        # python-socketio 5.x never removes a client that ends before its connect handler does.
        await asyncio.sleep(min(penalty, Penalties.PATIENCE))
        if penalty <= Penalties.PATIENCE:
            return rejection
        wait = f"wait {math.ceil(penalty)} s before the next try"
        return Rejection("unauthorized", f"too many failed log-ins from this address; {wait}")

    def disconnect(self, sid: str, reason: str) -> None:
        """Let the peer leave, for python-socketio's `reason`."""
        connection = self._connections.remove(sid)
        if connection is None:
            return
        goodbye = reason == "client disconnect" or connection.socket.said_goodbye
        reason = connection.closed_for or ("goodbye" if goodbye else _REASONS.get(reason, reason))
        if self._switchboard.is_crowd(connection.hello.room):
            depart = functools.partial(self._depart, connection, reason, goodbye)
            self._switchboard.act_later(connection.hello.room, depart)
        else:
            self._depart(connection, reason, goodbye)

    def _depart(self, connection: Connection, reason: str, goodbye: bool) -> None:
        try:
            if connection.door is not None:
                connection.door.left(connection, reason, goodbye)
            else:
                self._switchboard.handle(Left(connection.sid, reason, goodbye))
            self._observe(connection.disconnected(reason))
        except Exception:
            # With an exception, python-socketio 5.x would keep the sid; the sweep finds the peer.
            log.exception("a disconnect handler failed")

    def forget(self, connection: Connection) -> None:
        """Remove a connection whose end engine.io did not report."""
        self.disconnect(connection.sid, LIBRARY_LOST)
        self._engine.remove_client(connection.sid)

    def relay_signal(self, engine_sid: str, argument: str, ack_id: str) -> bool:
        """Relay a plain signal, on the fast path; False: the client has not joined yet.

        `ack_id` is that of the answer that it asks for; "": none.
        """
        connection = self._connections.by_engine.get(engine_sid)
        if connection is None:
            return False
        if self._switchboard.is_crowd(connection.hello.room):
            self._relay_later(connection, argument, ack_id)
        else:
            self._relay(connection, argument, ack_id)
        return True

    def _relay_later(self, connection: Connection, argument: str, ack_id: str) -> None:
        """Relay a signal in the turn of its room, or refuse it if too many of its client wait."""
        relay = functools.partial(self._relay, connection, argument, ack_id)
        try:
            self._switchboard.signal_later(connection, argument, relay)
        except Rejection as rejection:
            self._refuse(connection, ack_id, rejection)

    def _relay(self, connection: Connection, argument: str, ack_id: str) -> None:
        try:
            outputs = self._switchboard.signal(connection, argument, ack_id)
            if ack_id and outputs is not None:
                self._answer(connection, ack_id, outputs)
        except Rejection as rejection:
            self._refuse(connection, ack_id, rejection)
        except Exception:
            self._closer.abort_after_crash(connection.socket)

    def _refuse(self, connection: Connection, ack_id: str, rejection: Rejection) -> None:
        answer = self._switchboard.reject(connection, rejection)
        if ack_id and connection.answer(ack_id, answer):
            self._switchboard.check_queue(connection)

    def _answer(self, connection: Connection, ack_id: str, outputs: list[Output]) -> None:
        accepted = outputs[-1] if outputs else None  # the same as _accepted, without a call
        if type(accepted) is SignalAccepted:
            waits = connection.accept(ack_id, accepted.delivered, accepted.held)
        else:
            waits = connection.answer(ack_id, REPLACED)
        if waits:
            self._switchboard.check_queue(connection)

    async def signal_anywhere(self, sid: str, text: str) -> dict[str, Any]:
        """`signal`, wherever the room is served."""
        connection = self._connections.by_sid[sid]
        if connection.door is not None:
            return await self._signal_elsewhere(connection, connection.door, text)
        return self.signal(sid, text)

    def signal(self, sid: str, text: str) -> dict[str, Any]:
        """Relay a signal, on the slow path; returns the answer for an ack."""
        connection = self._connections.by_sid[sid]
        try:
            accepted = _accepted(self._switchboard.signal(connection, text) or [])
        except Rejection as rejection:
            return self._switchboard.reject(connection, rejection)
        if accepted is None:
            return REPLACED
        return {"ok": True, "delivered": accepted.delivered, "held": accepted.held > 0}

    async def _signal_elsewhere(
        self, connection: Connection, door: EdgeDoor, text: str
    ) -> dict[str, Any]:
        ack = door.expect(connection)
        try:
            self._switchboard.signal(connection, text, ack)
        except Rejection as rejection:
            await door.answer(connection, ack, passed=False)
            return self._switchboard.reject(connection, rejection)
        return await door.answer(connection, ack, passed=True)

    def ice_servers(self, sid: str, text: str) -> dict[str, Any]:
        """Answer with fresh ICE servers."""
        connection = self._connections.by_sid[sid]
        try:
            self._switchboard.count(connection)
        except Rejection as rejection:
            return self._switchboard.reject(connection, rejection)
        servers, ttl = self.arrival.ice_servers(connection)
        return {"ice_servers": servers, "ttl": ttl}

    def unknown(self, event: str, sid: str, text: str) -> dict[str, Any]:
        """Refuse an event that the server does not know."""
        connection = self._connections.by_sid[sid]
        try:
            self._switchboard.count(connection)
            raise unknown_event(event)
        except Rejection as rejection:
            return self._switchboard.reject(connection, rejection)

    def report(self, sid: str, text: str) -> dict[str, Any]:
        """Take what a client says of its RTCPeerConnection."""
        connection = self._connections.by_sid[sid]
        try:
            self._switchboard.count(connection)
            report = parse_report(parse_argument(text, REPORT_BYTES))
        except Rejection as rejection:
            return self._switchboard.reject(connection, rejection)
        if connection.door is not None:
            connection.door.report(connection, text)
        else:
            self._report(connection.hello.room, connection.peer_id, report)
        return {"ok": True}


def _accepted(outputs: list[Output]) -> SignalAccepted | None:
    """What the relay says of a signal, last of all; None: its sender was replaced."""
    last = outputs[-1] if outputs else None
    return last if isinstance(last, SignalAccepted) else None
