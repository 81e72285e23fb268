"""Between the relay and the connections: events go in, and what follows from them is done."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.events import (
    Close,
    Event,
    Fact,
    Forward,
    Output,
    Send,
    Signalled,
    Ticked,
)
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection


class Switchboard:
    """Carries out the relay's commands, in order; passes its facts on; wakes it when it wants.

    You must call `cancel` when the loop ends.
    """

    def __init__(
        self, relay: Relay, limits: LimitsSettings, ending: Closer, observe: Callable[[Fact], None]
    ) -> None:
        self.connections: dict[str, Connection] = {}
        """By Socket.IO sid."""
        self.limits = limits
        self._relay = relay
        self._ending = ending
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._commands: dict[type, Callable[[Any], None]] = {
            Forward: self._forward,
            Send: self._send,
            Close: self._close,
        }

    def signal(self, connection: Connection, text: str) -> list[Output]:
        """Relay a signal, `text` being its JSON; returns what followed. Raises Rejection."""
        connection.received += 1
        limits = self.limits
        now = time.monotonic()
        if not connection.bucket.take(now):
            raise self._flood()
        signal = parse_signal(text, limits.message_bytes, limits.json_depth)
        outputs = self._relay.handle(Signalled(connection.sid, signal), now)
        self.perform(outputs)
        return outputs

    def count(self, connection: Connection) -> None:
        """Count another event of a client. Raises Rejection if there are too many."""
        if not connection.bucket.take(time.monotonic()):
            raise self._flood()

    def _flood(self) -> Rejection:
        most = f"{self.limits.messages_per_second:g} events a second"
        return Rejection("rate-limited", f"more than {most}")

    def handle(self, event: Event) -> None:
        """Tell the relay, and do what follows. Raises Rejection."""
        self.perform(self._relay.handle(event, time.monotonic()))

    def perform(self, outputs: list[Output]) -> None:
        """Carry out commands and pass facts on, in order."""
        for output in outputs:
            self._commands.get(type(output), self._observe)(output)
        if self._relay.next_deadline() != self._deadline:
            self._set_timer()

    def _forward(self, command: Forward) -> None:
        connection = self.connections.get(command.sid)
        if connection and connection.forward(command.signal, command.sender, command.seq):
            self.check_queue(connection)

    def _send(self, command: Send) -> None:
        connection = self.connections.get(command.sid)
        if connection and connection.emit(command.event, command.payload):
            self.check_queue(connection)

    def _close(self, command: Close) -> None:
        connection = self.connections.get(command.sid)
        if connection:
            self._ending.dismiss(connection, command.code)

    def check_queue(self, connection: Connection) -> None:
        """End a connection that lets more wait than may."""
        if connection.outbox.over(self.limits, self._relay.budget):
            self._ending.abort(connection.socket, "slow-consumer")

    def _set_timer(self) -> None:
        self.cancel()
        self._deadline = self._relay.next_deadline()
        if self._deadline is not None:
            wait = max(0.0, self._deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._deadline = None
        self.handle(Ticked())

    def cancel(self) -> None:
        """Wake up no more."""
        if self._timer is not None:
            self._timer.cancel()
