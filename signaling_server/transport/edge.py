"""The edge's side of the seam: clients of this host in rooms of another.

A connection is bound to one owner at its CONNECT, for life. What the owner says of it is written in
order; what the client says goes over the link. When the link ends, all that is bound to it is hung
up, so that the clients come back and are bound anew; a join that still waits is only refused,
because its client has no connection yet that could be hung up.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections import defaultdict
from typing import TYPE_CHECKING, AbstractSet, Any, Callable, Iterable

from signaling_server.core.fleet.batch import BadRecord
from signaling_server.core.fleet.joining import join_record
from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.records import (
    Admitted,
    Answered,
    Denied,
    Gone,
    Liveness,
    Passed,
    Record,
    Report,
    Say,
    Shut,
    Told,
)
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.messages import Signal
from signaling_server.errors import Rejection

if TYPE_CHECKING:
    from signaling_server.transport.connection import Connection

LONGEST_WAIT = 0.8
"""Seconds that a client waits for its place: python-socketio's `connect()` gives up after 1."""
TRY_AGAIN = "the host that serves the room cannot be reached"
NOT_TAKEN = {"ok": False, "error": {"code": "shutting-down", "message": TRY_AGAIN}}
"""The answer to a signal, when the link ends before the owner has answered."""
FIRST_OWN_ACK = 10**15
"""No client counts its acks that far."""


class Moved(Exception):
    """The host that was asked does not serve the room: ask Redis again."""


class EdgeDoor:
    """The way to one owner.

    `check` is called with a connection for which something waits; `shut` with a connection that the
    owner ends, a code, and whether its client stays away.
    """

    def __init__(
        self,
        link: Link,
        check: Callable[[Connection], None],
        shut: Callable[[Connection, str, bool], None],
        wait: float = LONGEST_WAIT,
    ) -> None:
        self._link = link
        self._check = check
        self._shut = shut
        self._wait = wait
        self._bound: dict[str, Connection] = {}
        self._rooms: defaultdict[str, dict[str, Connection]] = defaultdict(dict)
        """The same by room."""
        self._joins: dict[str, asyncio.Future[None]] = {}
        self._pulses: dict[str, Pulse] = {}
        """What the owner was told last, where that is not that the client lives."""
        self._answers: dict[tuple[str, str], asyncio.Future[str]] = {}
        self._acks = itertools.count(FIRST_OWN_ACK)

    @property
    def rooms(self) -> AbstractSet[str]:
        """The rooms that clients of this host are in, or wait for."""
        return self._rooms.keys()

    def clients(self) -> dict[str, tuple[str, ...]]:
        """The ids of the clients of this host, by their room."""
        return {
            room: tuple(connection.peer_id for connection in inside.values())
            for room, inside in self._rooms.items()
        }

    def _bind(self, connection: Connection) -> None:
        self._bound[connection.sid] = connection
        self._rooms[connection.hello.room][connection.sid] = connection

    def _unbind(self, connection: Connection) -> bool:
        """Whether it was bound."""
        sid, room = connection.sid, connection.hello.room
        if self._bound.pop(sid, None) is None:
            return False
        del self._rooms[room][sid]
        if not self._rooms[room]:
            del self._rooms[room]
        return True

    async def admit(self, connection: Connection, joined: Joined) -> None:
        """Ask the owner for a place. Raises Rejection, or Moved.

        What the owner sends may come before this returns, and waits in the corked outbox.
        """
        sid = connection.sid
        room = self._rooms.get(joined.hello.room, {})
        self._tell_pulses(room.values())  # first: its name may be held by one of them
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bind(connection)
        self._joins[sid] = answer
        self._link.put(join_record(joined))
        try:
            await asyncio.wait_for(answer, self._wait)
        except (Rejection, Moved):
            self._unbind(connection)  # it has no place that it could leave
            raise
        except asyncio.TimeoutError:
            self.left(connection, "connection-lost", goodbye=False)
            raise Rejection("shutting-down", TRY_AGAIN) from None
        except BaseException:
            self.left(connection, "connection-lost", goodbye=False)
            raise
        finally:
            self._joins.pop(sid, None)
        if sid not in self._bound:  # the link ended in the same turn
            raise Rejection("shutting-down", TRY_AGAIN)

    def signal(self, connection: Connection, signal: Signal, ack_id: str) -> None:
        """Pass a checked signal on; the owner answers. Raises Rejection if too much waits, or the
        link has ended and the client is to be hung up.
        """
        if connection.sid not in self._bound:
            raise Rejection("shutting-down", TRY_AGAIN)
        if self._link.full:
            raise Rejection("rate-limited", "too much waits for the host that serves the room")
        self._link.put(Say(connection.sid, ack_id, *signal))

    def expect(self, connection: Connection) -> str:
        """An ack id for a signal whose answer `answer` returns: for the slow path."""
        ack = str(next(self._acks))
        self._answers[connection.sid, ack] = asyncio.get_running_loop().create_future()
        return ack

    async def answer(self, connection: Connection, ack: str, passed: bool) -> dict[str, Any]:
        """The owner's answer to a signal that was passed on; {} of one that was not."""
        try:
            found: dict[str, Any] = {}
            if passed:
                found = json.loads(await self._answers[connection.sid, ack])
            return found
        finally:
            del self._answers[connection.sid, ack]

    def report(self, connection: Connection, text: str) -> None:
        """Pass on what a client says of its RTCPeerConnection; it has been checked."""
        if connection.sid in self._bound and not self._link.full:
            self._link.put(Report(connection.sid, text.strip()))

    def tell_pulses(self) -> None:
        """Tell the owner of whose client nothing has been heard, or is heard again."""
        self._tell_pulses(self._bound.values())

    def _tell_pulses(self, connections: Iterable[Connection]) -> None:
        for connection in connections:
            sid = connection.sid
            if sid in self._joins:
                continue
            pulse = connection.socket.pulse
            if pulse is not self._pulses.get(sid, Pulse.LIVES):
                self._pulses[sid] = pulse
                self._link.put(Liveness(sid, int(pulse)))

    def _lives(self, sid: str) -> None:
        """A client that was replaced shows that it lives, mostly after its connection has left."""
        self._link.put(Liveness(sid, int(Pulse.LIVES)))

    def left(self, connection: Connection, reason: str, goodbye: bool) -> None:
        """A connection has ended."""
        sid = connection.sid
        self._pulses.pop(sid, None)
        self._not_taken(lambda key: key[0] == sid)
        if self._unbind(connection):
            self._link.put(Gone(sid, reason, goodbye))

    def _not_taken(self, concerns: Callable[[tuple[str, str]], bool]) -> None:
        for key, answer in self._answers.items():
            if concerns(key) and not answer.done():
                answer.set_result(json.dumps(NOT_TAKEN))

    def ended(self) -> list[Connection]:
        """The link has ended: you must hang up these connections."""
        for answer in self._joins.values():
            if not answer.done():
                answer.set_exception(Rejection("shutting-down", TRY_AGAIN))
        self._not_taken(lambda key: True)
        bound = [one for sid, one in self._bound.items() if sid not in self._joins]
        self._bound.clear()
        self._rooms.clear()
        self._pulses.clear()
        return bound

    def handle(self, record: Record) -> None:
        """The owner says this. Raises BadRecord: end the link."""
        if not isinstance(record, (Admitted, Denied, Passed, Told, Answered, Shut)):
            raise BadRecord("a host that is no edge speaks like one")
        connection = self._bound.get(record.sid)
        if connection is None:
            return  # it has left, and the owner does not know that yet
        if isinstance(record, (Admitted, Denied)):
            self._settle(record)
        elif isinstance(record, Shut):
            if record.code == "replaced":
                connection.socket.when_heard = functools.partial(self._lives, record.sid)
            self._shut(connection, record.code, record.stays_away)
        elif isinstance(record, Answered) and (record.sid, record.ack) in self._answers:
            answer = self._answers[record.sid, record.ack]
            if not answer.done():
                answer.set_result(record.text)
        elif _write(connection, record):
            self._check(connection)

    def _settle(self, record: Admitted | Denied) -> None:
        answer = self._joins.get(record.sid)
        if answer is None or answer.done():
            raise BadRecord("an answer to a join that was answered")
        if isinstance(record, Admitted):
            answer.set_result(None)
        else:
            answer.set_exception(_refusal(record.payload))


def _write(connection: Connection, record: Any) -> bool:
    """Write what the owner says; True if it has to wait."""
    if isinstance(record, Passed):
        signal = Signal("", None, 0, record.body)
        return connection.forward(signal, record.sender, record.seq)
    if isinstance(record, Told):
        return connection.outbox.send(f'2["{record.event}",{record.text}]')
    return connection.outbox.send(f"3{record.ack}[{record.text}]")


def _refusal(payload: dict[str, Any]) -> Exception:
    details = dict(payload)
    code, message = details.pop("code", None), details.pop("message", None)
    if type(code) is not str or type(message) is not str:
        raise BadRecord("a refusal without a code or a message")
    return Moved() if code == "moved" else Rejection(code, message, **details)
