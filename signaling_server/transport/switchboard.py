"""Between the connections and the relay: events go in, and its commands are carried out."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any, Callable

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import (
    Close,
    Command,
    Event,
    Fact,
    Forward,
    Output,
    Send,
    Signalled,
    StillAlive,
    Ticked,
)
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.copies import MANY, Copies


class Switchboard:
    """Carries out the relay's commands, in order; passes its facts on; wakes it at its deadlines.

    You must call `cancel` when the loop ends.
    """

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        connections: Connections,
        closer: Closer,
        observe: Callable[[Fact], None],
    ) -> None:
        self._settings = settings
        self._relay = relay
        self._connections = connections.by_sid
        self._closer = closer
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._copies = Copies(self._carry_out)
        self._commands: dict[type, Callable[[Any], None]] = {
            Forward: self._forward,
            Send: self._send,
            Close: self._close,
        }

    def signal(self, connection: Connection, text: str) -> list[Output]:
        """Relay a signal, given its JSON text; returns what followed. Raises Rejection.

        The fast path and the slow path meet here.
        """
        connection.received += 1
        if self._copies and self._copies.full(connection.hello.room):
            raise Rejection("rate-limited", "too many copies wait for the peers of this room")
        limits = self._settings.current.limits
        now = time.monotonic()
        if not connection.bucket.take(now):
            raise self._flood()
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if not connection.byte_rate.take(size, now):
            raise Rejection("rate-limited", f"more than {limits.bytes_per_second:.0f} bytes/s")
        signal = parse_signal(text, limits.message_bytes, limits.json_depth)
        outputs = self._relay.handle(Signalled(connection.sid, signal), now)
        self.perform(outputs)
        return outputs

    def count(self, connection: Connection) -> None:
        """Count any other event of a client. Raises Rejection if there are too many."""
        if not connection.bucket.take(time.monotonic()):
            raise self._flood()

    def _flood(self) -> Rejection:
        most = f"{self._settings.current.limits.messages_per_second:g} events a second"
        return Rejection("rate-limited", f"more than {most}")

    def ask(self, event: Event) -> list[Output]:
        """Hand an event to the relay; you must `perform` what it returns. Raises Rejection."""
        return self._relay.handle(event, time.monotonic())

    def handle(self, event: Event) -> None:
        """Hand an event to the relay, and carry out what follows. Raises Rejection."""
        self.perform(self.ask(event))

    def perform(self, outputs: list[Output]) -> None:
        """Carry out commands and pass facts on, in order."""
        if self._copies or len(outputs) > MANY:
            self._share_out(outputs)
        else:
            for output in outputs:
                self._commands.get(type(output), self._observe)(output)
        if self._relay.next_deadline() != self._deadline:
            self._set_timer()

    def _share_out(self, outputs: list[Output]) -> None:
        """Carry out what is little; let the rest, and what may not overtake it, wait its turn."""
        by_room: dict[str, list[Command]] = {}
        for output in outputs:
            if isinstance(output, (Forward, Send, Close)):
                connection = self._connections.get(output.sid)
                room = connection.hello.room if connection else ""
                by_room.setdefault(room, []).append(output)
            else:
                self._observe(output)
        for room, commands in by_room.items():
            if len(commands) > MANY or room in self._copies:
                self._copies.add(room, commands)
            else:
                for command in commands:
                    self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        self._commands[type(command)](command)

    def flush(self) -> None:
        """Carry out at once what waits for its turn."""
        self._copies.flush()

    def _forward(self, command: Forward) -> None:
        connection = self._connections.get(command.sid)
        if connection and connection.forward(command.signal, command.sender, command.seq):
            self.check_queue(connection)

    def _send(self, command: Send) -> None:
        connection = self._connections.get(command.sid)
        if connection and connection.emit(command.event, command.payload):
            self.check_queue(connection)

    def _close(self, command: Close) -> None:
        connection = self._connections.get(command.sid)
        if connection:
            alive = functools.partial(self.handle, StillAlive(command.sid))
            connection.socket.when_heard = alive if command.code == "replaced" else None
            self._closer.dismiss(connection, command.code)

    def check_queue(self, connection: Connection) -> None:
        """End the connection of a client that does not read what waits for it."""
        if connection.outbox.over(self._settings.current.limits, self._relay.budget):
            self._closer.abort(connection.socket, "slow-consumer")

    def reject(self, connection: Connection, rejection: Rejection) -> dict[str, Any]:
        """Tell a client what it did wrong; returns the answer for an ack."""
        if connection.emit("error", rejection.payload()):
            self.check_queue(connection)
        self.record(connection, rejection)
        return {"ok": False, "error": {"code": rejection.code, "message": rejection.message}}

    def record(self, connection: Connection, rejection: Rejection) -> None:
        """Pass on the fact of a rejection."""
        self._observe(connection.rejected(rejection.code, rejection.noted))

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
        """Cancel the timer of the relay's deadline."""
        if self._timer is not None:
            self._timer.cancel()
