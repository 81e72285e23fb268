"""Far connections: clients of another host that are in a room of this one.

The relay says the same to them as to its own; what it says goes over the link to the host of their
socket (EdgeDoor there), in order. Their queue is the link: while it is full, whoever is to be told
more is ended, as a client is that does not read.
"""

from __future__ import annotations

from typing import Any, Callable

from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.records import Answered, Passed, Shut, Told
from signaling_server.core.protocol.announcement import dumps, text_of
from signaling_server.core.protocol.events import Pulse, Rejected
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.messages import Signal


class FarConnection:
    """Represents a connection to another host: the methods of Connection that others call."""

    __slots__ = (
        "_link",
        "address",
        "closed_for",
        "hello",
        "pulse",
        "received",
        "sent",
        "sid",
        "waiting",
        "when_heard",
    )

    def __init__(self, sid: str, hello: Hello, address: str, link: Link) -> None:
        self.sid = sid
        self.hello = hello
        self.address = address
        self._link = link
        self.pulse = Pulse.LIVES
        """As the edge last told."""
        self.when_heard: Callable[[], None] | None = None
        """What to call when the edge hears of the client, once it is replaced."""
        self.closed_for = ""
        """Why this host ends it; "": it does not."""
        self.received = self.sent = self.waiting = 0

    @property
    def peer_id(self) -> str:
        """What others call the client."""
        return self.hello.name or self.sid

    def rejected(self, code: str, message: str) -> Rejected:
        """The fact that the server rejected something of the client."""
        return Rejected(self.sid, self.peer_id, self.hello.room, self.address, code, message)

    def emit(self, event: str, payload: dict[str, Any]) -> bool:
        """Send an event of the server; True: look whether too much waits."""
        self._link.put(Told(self.sid, event, text_of(payload)))
        return self._link.full

    def answer(self, ack_id: str, payload: dict[str, Any]) -> bool:
        """Send the ack that an event asked for; True: look whether too much waits."""
        self._link.put(Answered(self.sid, ack_id, dumps(payload)))
        return self._link.full

    def accept(self, ack_id: str, delivered: int, held: int) -> bool:
        """Answer that a signal is accepted; True: look whether too much waits."""
        return self.answer(ack_id, {"ok": True, "delivered": delivered, "held": held > 0})

    def forward(self, signal: Signal, sender: str, seq: int) -> bool:
        """Send a signal; True: look whether too much waits."""
        self.sent += 1
        self._link.put(Passed(self.sid, sender, seq, signal.body))
        return self._link.full

    def abort(self, reason: str) -> None:
        """End the connection at once, so that its client comes back. The first reason counts."""
        if not self.closed_for:
            self.closed_for = reason
            self._link.put(Shut(self.sid, reason, False))

    def dismiss(self, code: str, alive: Callable[[], None] | None) -> None:
        """Tell the client to go and stay away; `alive` is called if it shows life after that."""
        self.when_heard = alive
        self.closed_for = code
        self._link.put(Shut(self.sid, code, True))

    def heard(self, pulse: Pulse) -> None:
        """The edge has told what it knows of the client."""
        self.pulse = pulse
        if pulse is Pulse.LIVES and self.when_heard is not None:
            alive, self.when_heard = self.when_heard, None
            alive()
