"""The links to the other hosts, over Redis: what is put in is published, what comes is handed on.

What has arrived is decided in core/fleet/link.py. A record goes to FarClients if it is about a
client of the other host in a room of this one, and to the EdgeDoor of the link if it is about a
client of this host in a room of the other. Nothing here waits in a turn of the loop: each message
is published by a task. They are begun in order, and Redis takes them in order.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from typing import Callable, Iterable, Protocol

from signaling_server.background import Background
from signaling_server.core.fleet.batch import BadBatch, BadRecord, Sign, parse_batch
from signaling_server.core.fleet.link import Ended, Handle, Link, Output, Transmit
from signaling_server.core.fleet.records import (
    Gone,
    Join,
    Liveness,
    Record,
    Report,
    Say,
    Withdrawn,
)
from signaling_server.core.fleet.tally import Tally
from signaling_server.core.fleet.withdrawals import Withdrawals
from signaling_server.core.protocol.limits import Budget
from signaling_server.fleet.engine import Engine, EngineLost
from signaling_server.transport.edge import EdgeDoor
from signaling_server.transport.far_clients import FarClients
from signaling_server.transport.server import Transport

log = logging.getLogger(__name__)

GENERATION_BYTES = 8
_OF_AN_EDGE = Join, Say, Gone, Report, Liveness, Withdrawn


class Watcher(Protocol):
    """Who wants to know how the other hosts are."""

    def name_of(self, host: str) -> str:
        """The name of an instance, for people."""

    def lives(self, host: str) -> None:
        """A host has said something over its link."""

    def deaf(self, host: str) -> None:
        """Nobody has listened on the channel of a host, twice."""

    def stopped(self, host: str) -> None:
        """A host has said that it stops; its link is gone."""


class Links:
    """One for each other host. `far` serves their clients; `limit`: bytes that may wait for each;
    `silence`: seconds without a word after which a link ends. You must call `cancel` at the end.
    """

    def __init__(
        self,
        me: str,
        engine: Engine,
        transport: Transport,
        far: FarClients,
        sign: Sign,
        budget: Budget,
        limit: int,
        silence: float,
        withdrawals: Withdrawals,
        watcher: Watcher,
        background: Background,
    ) -> None:
        self._engine = engine
        self._transport = transport
        self._far = far
        self._sign = sign
        self._withdrawals = withdrawals
        self._watcher = watcher
        self._background = background
        self._loop = asyncio.get_running_loop()
        self._make: Callable[[str, float], Link] = lambda peer, now: Link(
            me,
            peer,
            functools.partial(secrets.token_hex, GENERATION_BYTES),
            sign,
            budget,
            limit,
            silence,
            now,
            self._flush_soon,
        )
        self._me = me
        self.tally = Tally()
        self.links: dict[str, Link] = {}
        """By the instance of the other host."""
        self.doors: dict[str, EdgeDoor] = {}
        """By the same."""
        self._timer: asyncio.TimerHandle | None = None
        self._tick_at = 0.0
        self._flush_is_due = False

    def door(self, host: str) -> EdgeDoor:
        """The way to the rooms of a host."""
        self.meet(host)
        return self.doors[host]

    def meet(self, host: str) -> Link:
        """The link to a host; it is begun if there is none."""
        link = self.links.get(host)
        if link is None:
            now = self._loop.time()
            link = self.links[host] = self._make(host, now)
            self.doors[host] = self._transport.edge(link)
            self._greet(link)
            self._obey(link, link.tick(now))
            self._wake(link)
        return link

    def _greet(self, link: Link) -> None:
        """Tell over a link that begins what may have been lost with another."""
        recent = self._withdrawals.recent(self._loop.time())
        if recent:
            link.put(Withdrawn(recent))

    def part(self, host: str, reason: str) -> None:
        """End the link to a host, and forget it."""
        link = self.links.get(host)
        if link is not None:
            self._obey(link, link.end(reason, self._loop.time()))
            self.forget(host)

    def forget(self, host: str) -> None:
        """Know no link to a host any longer. Nothing may be bound to it."""
        link = self.links.pop(host, None)
        if link is not None:
            self.tally.retire(link)
        self.doors.pop(host, None)

    def withdraw(self, gone: tuple[str, ...], valid: Iterable[str]) -> None:
        """Tell all hosts which grants are no longer valid; `valid` are, both by fingerprint."""
        self._withdrawals.update(gone, valid, self._loop.time())
        for link in self.links.values() if gone else ():
            link.put(Withdrawn(gone))

    def dissolve(self, room: str) -> None:
        """Another host serves a room: hang up on all that are in it."""
        self.tally.dissolved += 1
        self._transport.dissolve(room)

    def far_clients(self) -> dict[str, str]:
        """The instance of the host of each far client, by Socket.IO sid."""
        return self._far.hosts()

    def resend(self) -> None:
        """Redis is back: send again what is not acknowledged."""
        for link in list(self.links.values()):
            self._obey(link, link.resend())

    async def bye(self) -> None:
        """Tell all hosts that this one stops. Raises EngineLost."""
        for link in self.links.values():
            for output in (*link.flush(), *link.bye()):
                if isinstance(output, Transmit):
                    await self._engine.publish(link.peer, output.text)

    def cancel(self) -> None:
        """Do nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()

    # --- in ---------------------------------------------------------------------------------------

    def heard(self, text: str) -> None:
        """Another host says something, or somebody who pretends to be one."""
        try:
            batch = parse_batch(text, self._sign)
        except BadBatch as error:
            log.warning("dropped a message that is not of this fleet: %s", error)
            return
        if batch.sender == self._me:
            return
        self.tally.batches["in"] += 1
        link = self.meet(batch.sender)
        self._obey(link, link.received(batch, self._loop.time()))
        if link.up:
            self._watcher.lives(batch.sender)

    def _obey(self, link: Link, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self._background.start(self._publish(link, output.text))
            elif isinstance(output, Handle):
                if not self._hear(link, output.record):
                    return
            else:
                self._ended(link, output)

    def _hear(self, link: Link, record: Record) -> bool:
        """What another host says; False: that was a violation, and the link has ended."""
        self.tally.records[type(record).__name__.lower()] += 1
        try:
            if isinstance(record, _OF_AN_EDGE):
                self._far.handle(link, record)
            else:
                self.doors[link.peer].handle(record)
        except BadRecord as error:
            name = self._watcher.name_of(link.peer)
            fields = {"HAWKEYE_HOST": name}
            log.error("host %s breaks the protocol: %s", name, error, extra=fields)
            self._obey(link, link.end("violation", self._loop.time()))
            return False
        return True

    def _ended(self, link: Link, ended: Ended) -> None:
        name = self._watcher.name_of(link.peer)
        self.tally.resets[ended.reason] += 1
        fields = {"HAWKEYE_HOST": name}
        log.warning("the link to host %s has ended (%s)", name, ended.reason, extra=fields)
        self._far.ended(link)
        self._transport.hang_up(self.doors[link.peer].ended())
        self._wake(link)
        if ended.reason == "stopped":
            self.forget(link.peer)
            self._watcher.stopped(link.peer)
        else:
            self._greet(link)

    # --- out --------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        for link in list(self.links.values()):
            self._obey(link, link.flush())

    async def _publish(self, link: Link, text: str) -> None:
        self.tally.batches["out"] += 1
        try:
            listening = await self._engine.publish(link.peer, text)
        except EngineLost:
            return  # it is sent again when Redis is back
        if listening:
            link.heard()
        elif self.links.get(link.peer) is link:
            if link.unheard(self._loop.time()):
                self._watcher.deaf(link.peer)
            self._wake(link)

    # --- time -------------------------------------------------------------------------------------

    def _wake(self, link: Link) -> None:
        """Tick when a link wants it, or earlier."""
        when = link.next_deadline()
        if self._timer is not None:
            if self._tick_at <= when:
                return
            self._timer.cancel()
        self._tick_at = when
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for link in list(self.links.values()):
            self._obey(link, link.tick(now))
        for link in list(self.links.values()):
            self._wake(link)
