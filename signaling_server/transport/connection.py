"""One Socket.IO connection, as the transport knows it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Callable

from signaling_server.core.protocol.events import Disconnected, Rejected
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.messages import Signal
from signaling_server.transport.outbox import Outbox

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant

dumps: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode


class Connection:
    """Who is at the other end, what was exchanged, and what is on its way out."""

    __slots__ = (
        "address",
        "bad_packets",
        "bucket",
        "closed_for",
        "connected_at",
        "grant",
        "hello",
        "outbox",
        "received",
        "sent",
        "sid",
        "socket",
    )

    def __init__(self, sid: str, socket: Any, address: str, bucket: TokenBucket) -> None:
        self.sid = sid
        self.socket = socket
        """engine.io's socket."""
        self.address = address
        self.bucket = bucket
        self.hello = Hello("")
        self.grant: Grant | None = None
        """What its token allows."""
        self.outbox = Outbox(socket)
        self.connected_at = time.monotonic()
        self.closed_for = ""
        """Why we close it, if it is we who do."""
        self.received = 0
        """Signals that came from it."""
        self.sent = 0
        """Signals that went to it."""
        self.bad_packets = 0

    @property
    def peer_id(self) -> str:
        """What others call it."""
        return self.hello.name or self.sid

    @property
    def transport(self) -> str:
        """websocket or polling."""
        return "websocket" if self.socket.upgraded else "polling"

    @property
    def said_goodbye(self) -> bool:
        """Whether the client closed its WebSocket."""
        websocket = getattr(self.socket, "websocket", None)
        return websocket is not None and websocket.goodbye

    def disconnected(self, reason: str) -> Disconnected:
        """The fact that it has ended."""
        seconds = time.monotonic() - self.connected_at
        return Disconnected(
            self.sid,
            self.peer_id,
            self.hello.room,
            self.address,
            reason,
            seconds,
            self.received,
            self.sent,
        )

    def rejected(self, code: str, message: str) -> Rejected:
        """The fact that it was refused something."""
        # Until it has a name it is known by its address: the log sums what comes from there.
        name = self.peer_id if self.hello.room else ""
        return Rejected(self.sid, name, self.hello.room, self.address, code, message)

    def emit(self, event: str, payload: dict[str, Any]) -> bool:
        """Send an event of our own; True if it has to wait."""
        return self.outbox.send(f'2["{event}",{dumps(payload)}]')

    def answer(self, ack_id: str, payload: dict[str, Any]) -> None:
        """Answer an event that asked for it."""
        self.outbox.send(f"3{ack_id}[{dumps(payload)}]")

    def forward(self, signal: Signal, sender: str, seq: int) -> bool:
        """Send a signal: its own text, with `from` and `seq` put in last so that ours count.

        True if it has to wait.
        """
        self.sent += 1
        number = f',"seq":{seq}' if seq else ""
        # A peer_id is of characters that JSON need not escape.
        return self.outbox.send(f'2["signal",{signal.body},"from":"{sender}"{number}}}]')
