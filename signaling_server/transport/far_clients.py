"""The owner's side of the seam: what other hosts say of their clients in rooms of this one.

A client is known only on the link over which it joined; what a host says of any other is a
violation (BadRecord), and its link has to end. A record that this host has handled is never
handled again (core/fleet/link.py), so nothing here looks for repeats.
"""

from __future__ import annotations

import functools
import time
from typing import Callable

from signaling_server.core.fleet.batch import BadRecord
from signaling_server.core.fleet.joining import joined_of
from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.records import (
    Admitted,
    Denied,
    Gone,
    Join,
    Liveness,
    Record,
    Report,
    Say,
    Withdrawn,
)
from signaling_server.core.protocol.events import Left, Pulse, Revoked, SignalAccepted, StillAlive
from signaling_server.core.protocol.messages import Signal, parse_argument
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.rtc_report import ConnectionReport, parse_report
from signaling_server.errors import Rejection
from signaling_server.transport.connection import Connections
from signaling_server.transport.far import FarConnection
from signaling_server.transport.handlers import REPLACED, REPORT_BYTES
from signaling_server.transport.switchboard import Switchboard

MOVED = {"code": "moved", "message": "this host does not serve the room"}
"""The answer to a host that should ask Redis again; no client hears it."""


class FarClients:
    """The clients of other hosts. `serves(room)` tells whether this host owns a room."""

    def __init__(
        self,
        relay: Relay,
        connections: Connections,
        switchboard: Switchboard,
        report: Callable[[str, str, ConnectionReport], None],
        serves: Callable[[str], bool],
    ) -> None:
        self._relay = relay
        self._connections = connections
        self._switchboard = switchboard
        self._report = report
        self._serves = serves
        self._links: dict[Link, dict[str, FarConnection]] = {}

    def hosts(self) -> dict[str, str]:
        """The instance of the host to which each client is connected, by Socket.IO sid."""
        return {sid: link.peer for link, clients in self._links.items() for sid in clients}

    def handle(self, link: Link, record: Record) -> None:
        """Another host says this. Raises BadRecord: end the link."""
        if isinstance(record, Join):
            self._join(link, record)
        elif isinstance(record, Withdrawn):
            self._withdraw(record)
        elif isinstance(record, Gone):
            self._gone(link, record)
        elif isinstance(record, Liveness) and record.sid not in self._links.get(link, {}):
            if record.pulse == Pulse.LIVES:  # of one that was replaced, and has gone
                self._switchboard.handle(StillAlive(record.sid))
        elif isinstance(record, (Say, Report, Liveness)):
            self._hear(self._of(link, record.sid), record)
        else:
            raise BadRecord("a host that is no owner speaks like one")

    def ended(self, link: Link) -> None:
        """A link has ended, and with it the connections of all clients on it."""
        for sid in self._links.pop(link, {}):
            self._depart(sid, "connection-lost", goodbye=False)

    def _of(self, link: Link, sid: str) -> FarConnection:
        far = self._links.get(link, {}).get(sid)
        if far is None:
            raise BadRecord("a client that did not join over this link")
        return far

    def _join(self, link: Link, record: Join) -> None:
        joined, sid = joined_of(record), record.sid
        if sid in self._connections.by_sid or sid in self._connections.far:
            raise BadRecord("a client that is there already")
        if not self._serves(joined.hello.room):
            link.put(Denied(sid, MOVED))
            return
        pulse = self._connections.pulse(self._relay.holder_of(joined.hello))
        joined = self._relay.settled(joined._replace(holder=pulse))
        far = FarConnection(sid, joined.hello, joined.address, link)
        try:
            outputs = self._switchboard.ask(joined)
        except Rejection as rejection:
            self._switchboard.record(far, rejection)
            link.put(Denied(sid, rejection.payload()))
            return
        self._connections.far[sid] = self._links.setdefault(link, {})[sid] = far
        link.put(Admitted(sid))  # before the welcome
        self._switchboard.perform(outputs)

    def _withdraw(self, record: Withdrawn) -> None:
        gone = {*record.fingerprints}
        grants = {grant for grant in self._relay.grants() if grant and grant.sha256 in gone}
        if grants:
            self._switchboard.handle(Revoked(frozenset(grants)))

    def _gone(self, link: Link, record: Gone) -> None:
        """Also of a client that was denied a place, and went before it heard that."""
        if self._links.get(link, {}).pop(record.sid, None) is not None:
            self._depart(record.sid, record.reason, record.goodbye)

    def _depart(self, sid: str, reason: str, goodbye: bool) -> None:
        far = self._connections.far.pop(sid)
        leave = functools.partial(self._leave, sid, far.closed_for or reason, goodbye)
        if self._switchboard.is_crowd(far.hello.room):
            self._switchboard.act_later(far.hello.room, leave)
        else:
            leave()

    def _leave(self, sid: str, reason: str, goodbye: bool) -> None:
        self._switchboard.handle(Left(sid, reason, goodbye))

    def _hear(self, far: FarConnection, record: Say | Report | Liveness) -> None:
        if isinstance(record, Say):
            self._say(far, record)
        elif isinstance(record, Report):
            try:
                report = parse_report(parse_argument(record.text, REPORT_BYTES))
            except Rejection:
                raise BadRecord("a report that the edge should have refused") from None
            self._report(far.hello.room, far.peer_id, report)
        elif record.pulse in (*Pulse,):
            far.heard(Pulse(record.pulse))
        else:
            raise BadRecord("an unknown pulse")

    def _say(self, far: FarConnection, record: Say) -> None:
        signal = Signal(record.type, record.to, record.size, record.body)
        relay = functools.partial(self._relay_signal, far, signal, record.ack)
        if not self._switchboard.is_crowd(far.hello.room):
            relay()
            return
        try:
            self._switchboard.signal_later(far, record.body, relay)
        except Rejection as rejection:
            self._refuse(far, record.ack, rejection)

    def _relay_signal(self, far: FarConnection, signal: Signal, ack: str) -> None:
        far.received += 1
        try:
            outputs = self._relay.signal(far.sid, signal, time.monotonic())
            self._switchboard.perform(outputs)
        except Rejection as rejection:
            self._refuse(far, ack, rejection)
            return
        last = outputs[-1] if outputs else None
        if not ack:
            return
        if isinstance(last, SignalAccepted):
            waits = far.accept(ack, last.delivered, last.held)
        else:
            waits = far.answer(ack, REPLACED)
        if waits:
            self._switchboard.check_queue(far)

    def _refuse(self, far: FarConnection, ack: str, rejection: Rejection) -> None:
        answer = self._switchboard.reject(far, rejection)
        if ack and far.answer(ack, answer):
            self._switchboard.check_queue(far)
