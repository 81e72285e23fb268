"""Between the connections and the relay: events go in, and its commands are carried out."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import defaultdict
from typing import Any, Callable

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.byte_rate import USUAL_VALUES
from signaling_server.core.protocol.events import (
    Close,
    Command,
    Event,
    Fact,
    Forward,
    Output,
    Send,
    StillAlive,
    Ticked,
)
from signaling_server.core.protocol.limits import packet_cost
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.crowds import MANY, Act, Crowds
from signaling_server.transport.far import FarConnection

_COMMANDS = Forward, Send, Close
MOST_WAITING = 64
"""Signals of a client that may wait for the turn of a crowded room: an offer and its candidates."""
MOST_COPIES = 200_000
"""Copies of waiting signals of a room, some seconds of work: then no client may have two."""
CROWDED = "the room is crowded, and cannot pass on more of this client's signals yet"


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
        self._far = connections.far
        self._closer = closer
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._deadlines = relay.deadlines
        self._crowds = Crowds(self._carry_out)
        self._crowded, self._waiting = relay.crowds, self._crowds.rooms
        """Rooms with many peers, and rooms in which something waits for its turn."""
        self._commands: dict[type, Callable[[Any], None]] = {
            Forward: self._forward,
            Send: self._send,
            Close: self._close,
        }

    def signal(self, connection: Connection, text: str, ack_id: str = "") -> list[Output] | None:
        """Relay a signal, given its JSON text; returns what followed. Raises Rejection.

        None: the host that serves its room has it, and will answer. The fast path and the slow path
        meet here.
        """
        connection.received += 1
        limits = self._settings.current.limits
        now = time.monotonic()
        if not connection.bucket.take(now):
            raise self._flood()
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        values = text.count(",") if size > USUAL_VALUES else 0
        if not connection.byte_rate.take(size, now, values):
            raise Rejection("rate-limited", f"more than {limits.bytes_per_second:.0f} bytes/s")
        signal = parse_signal(text, limits.message_bytes, limits.json_depth)
        if connection.door is not None:
            connection.door.signal(connection, signal, ack_id)
            return None
        outputs = self._relay.signal(connection.sid, signal, now)
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
        if self._waiting or len(outputs) > MANY:
            self._share_out(outputs)
        else:
            for output in outputs:
                self._commands.get(type(output), self._observe)(output)
        if self._deadlines.next != self._deadline:
            self._set_timer()

    def _share_out(self, outputs: list[Output]) -> None:
        """Carry out what is little; let the rest, and what may not overtake it, wait its turn."""
        by_room: defaultdict[str, list[Command]] = defaultdict(list)
        for output in outputs:
            if isinstance(output, _COMMANDS):
                sid = output.sid
                connection = self._connections.get(sid) or self._far.get(sid)
                if connection is not None:
                    by_room[connection.hello.room].append(output)
            else:
                self._observe(output)
        for room, commands in by_room.items():
            if len(commands) > MANY or room in self._waiting:
                self._crowds.add(room, commands)
            else:
                for command in commands:
                    self._commands[type(command)](command)

    def _carry_out(self, sid: str, commands: list[Command]) -> None:
        if sid in self._connections or sid in self._far:
            for command in commands:
                self._commands[type(command)](command)

    def is_crowd(self, room: str) -> bool:
        """Whether what happens in a room has to wait for its turn."""
        return room in self._crowded or room in self._waiting

    def signal_later(self, connection: Connection | FarConnection, text: str, relay: Act) -> None:
        """Call `relay`, which raises nothing, for a signal in the turn of its room.

        Raises Rejection if too much waits, but for a client of which nothing waits.
        """
        budget, cost, room = self._relay.budget, packet_cost(text), connection.hello.room
        if self._too_much_waits(connection, room) or not budget.reserve(cost):
            raise Rejection("rate-limited", CROWDED)
        connection.waiting += 1

        def act() -> None:
            connection.waiting -= 1
            budget.release(cost)
            relay()

        self._crowds.act_later(room, act)

    def _too_much_waits(self, connection: Connection | FarConnection, name: str) -> bool:
        room = self._relay.rooms.get(name)
        copies = len(room.peers) * self._crowds.events(name) if room else 0
        return connection.waiting > 0 and (
            connection.waiting >= MOST_WAITING or copies > MOST_COPIES
        )

    def act_later(self, room: str, act: Act) -> None:
        """Call `act`, which raises nothing, in the turn of its room."""
        self._crowds.act_later(room, act)

    async def turn(self, room: str) -> None:
        """Wait for the turn of a room, if it is a crowd."""
        if self.is_crowd(room):
            await self._crowds.turn(room)

    def flush(self) -> None:
        """Do at once what waits for its turn."""
        self._crowds.flush()

    def _forward(self, command: Forward) -> None:
        sid, signal, sender, seq = command
        connection = self._connections.get(sid) or self._far.get(sid)
        if connection is not None and connection.forward(signal, sender, seq):
            self.check_queue(connection)

    def _send(self, command: Send) -> None:
        connection = self._connections.get(command.sid) or self._far.get(command.sid)
        if connection and connection.emit(command.event, command.payload):
            self.check_queue(connection)

    def _close(self, command: Close) -> None:
        sid, code = command.sid, command.code
        connection = self._connections.get(sid) or self._far.get(sid)
        if connection is None:
            return
        alive = functools.partial(self.handle, StillAlive(sid)) if code == "replaced" else None
        if isinstance(connection, FarConnection):
            connection.dismiss(code, alive)
        else:
            connection.socket.when_heard = alive
            self._closer.dismiss(connection, code)

    def check_queue(self, connection: Connection | FarConnection) -> None:
        """End the connection of a client that does not read what waits for it."""
        if isinstance(connection, FarConnection):
            connection.abort("slow-consumer")  # it asks only when its link is full
        elif connection.outbox.over(self._settings.current.limits, self._relay.budget):
            self._closer.abort(connection.socket, "slow-consumer")

    def reject(
        self, connection: Connection | FarConnection, rejection: Rejection
    ) -> dict[str, Any]:
        """Tell a client what it did wrong; returns the answer for an ack."""
        if connection.emit("error", rejection.payload()):
            self.check_queue(connection)
        self.record(connection, rejection)
        return {"ok": False, "error": {"code": rejection.code, "message": rejection.message}}

    def record(self, connection: Connection | FarConnection, rejection: Rejection) -> None:
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
