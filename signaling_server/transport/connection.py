"""The Socket.IO connections: one client each, as the transport knows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.announcement import dumps, text_of
from signaling_server.core.protocol.byte_rate import ByteRate
from signaling_server.core.protocol.events import Disconnected, Pulse, Rejected
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.messages import Signal
from signaling_server.transport.engine.plain_signal import EVENT
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.far import FarConnection
from signaling_server.transport.outbox import Outbox

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant
    from signaling_server.transport.edge import EdgeDoor


class Connection:
    """Who is at the other end, what was exchanged, and what is on its way out."""

    __slots__ = (
        "address",
        "bad_packets",
        "bucket",
        "byte_rate",
        "closed_for",
        "connected_at",
        "door",
        "grant",
        "hello",
        "outbox",
        "received",
        "sent",
        "sid",
        "socket",
        "waiting",
    )

    def __init__(
        self, sid: str, socket: ClientSocket, address: str, limits: LimitsSettings
    ) -> None:
        self.sid = sid
        """The Socket.IO sid."""
        self.socket = socket
        self.address = address
        now = time.monotonic()
        self.bucket = TokenBucket(limits.messages_per_second, limits.burst, now)
        self.byte_rate = ByteRate(
            limits.bytes_per_second, limits.burst_bytes, limits.message_bytes, now
        )
        self.hello = Hello("")
        self.grant: Grant | None = None
        """What its token allows."""
        self.door: EdgeDoor | None = None
        """The way to the host that serves its room; None: this one does."""
        self.outbox = Outbox(socket)
        self.connected_at = now
        self.closed_for = ""
        """Why the server closes it; "": the server does not."""
        self.received = 0
        """Signals from the client."""
        self.sent = 0
        """Signals to the client."""
        self.bad_packets = 0
        self.waiting = 0
        """Signals of it that wait for the turn of their room."""

    @property
    def peer_id(self) -> str:
        """What others call the client."""
        return self.hello.name or self.sid

    def disconnected(self, reason: str) -> Disconnected:
        """The fact that it has ended."""
        return Disconnected(
            sid=self.sid,
            peer_id=self.peer_id,
            room=self.hello.room,
            address=self.address,
            reason=reason,
            seconds=time.monotonic() - self.connected_at,
            received=self.received,
            sent=self.sent,
        )

    def rejected(self, code: str, message: str) -> Rejected:
        """The fact that the server rejected something of the client."""
        # Until a client has joined it goes by its address: the log sums what comes from there.
        peer_id = self.peer_id if self.hello.room else ""
        return Rejected(self.sid, peer_id, self.hello.room, self.address, code, message)

    def emit(self, event: str, payload: dict[str, Any]) -> bool:
        """Send an event of the server; True if it has to wait."""
        return self.outbox.send(f'2["{event}",{text_of(payload)}]')

    def answer(self, ack_id: str, payload: dict[str, Any]) -> bool:
        """Send the ack that an event asked for; True if it has to wait."""
        return self.outbox.send(f"3{ack_id}[{dumps(payload)}]")

    def accept(self, ack_id: str, delivered: int, held: int) -> bool:
        """Answer that a signal is accepted; True if that has to wait. The same as `answer`, and put
        together by hand: this is the hot path.
        """
        waits = "true" if held else "false"
        text = f'3{ack_id}[{{"ok":true,"delivered":{delivered},"held":{waits}}}]'
        return self.outbox.send(text)

    def forward(self, signal: Signal, sender: str, seq: int) -> bool:
        """Send a signal as it was written, with `from` and `seq` added last: of duplicate keys in
        JSON the last counts. True if it has to wait.
        """
        self.sent += 1
        number = f',"seq":{seq}' if seq else ""
        # A peer_id has no character that JSON would escape. The body's closing brace is cut off.
        return self.outbox.send(f'{EVENT}{signal.body},"from":"{sender}"{number}}}]')


class Connections:
    """All of them, by the id of either library; and those of other hosts, which are far."""

    def __init__(self) -> None:
        self.by_sid: dict[str, Connection] = {}
        """By Socket.IO sid."""
        self.by_engine: dict[str, Connection] = {}
        """By engine.io sid."""
        self.far: dict[str, FarConnection] = {}
        """Clients of other hosts, by Socket.IO sid."""

    def add(self, connection: Connection) -> None:
        """Add one whose CONNECT is accepted, or is rejected with an `error` before its end."""
        self.by_sid[connection.sid] = self.by_engine[connection.socket.sid] = connection

    def pulse(self, sid: str | None) -> Pulse:
        """Whether the client of a connection seems to be there; None: there is no connection."""
        if sid is None:
            return Pulse.LIVES
        connection = self.by_sid.get(sid)
        if connection is not None:
            return connection.socket.pulse
        far = self.far.get(sid)
        return far.pulse if far is not None else Pulse.CLOSED

    def remove(self, sid: str) -> Connection | None:
        """Remove one, given its Socket.IO sid; None: it was removed before."""
        connection = self.by_sid.pop(sid, None)
        if connection is not None:
            self.by_engine.pop(connection.socket.sid, None)
        return connection
