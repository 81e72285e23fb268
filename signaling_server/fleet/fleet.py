"""This host as part of a fleet: the wires between Redis, the links, the rooms and the transport.

What is decided is decided elsewhere: who owns a room in core/fleet/ownership.py, what has arrived
in core/fleet/link.py. Here are the timers, the tasks, and the order in which the parts are called:

    Redis ── batches ──> Link ── records ──> FarClients (we own the room) or EdgeDoor (they do)
      └──── claims ────> Ownership ── Admit, Dissolve, Part ──> those who wait, the transport

Nothing here waits in a turn of the loop: each command to Redis is a task. They are begun in order,
and Redis answers in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
from collections import Counter, defaultdict
from typing import Callable, Iterable

from signaling_server.background import Background
from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.fleet import link as links
from signaling_server.core.fleet.batch import BadBatch, BadRecord, Batch, Sign, parse_batch
from signaling_server.core.fleet.host_record import HostRecord, parse_record
from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.ownership import (
    Admit,
    Bury,
    Claim,
    Dissolve,
    Life,
    Output,
    Ownership,
    Part,
    Release,
    Standing,
)
from signaling_server.core.fleet.records import (
    Gone,
    Join,
    Liveness,
    Record,
    Report,
    Say,
    Withdrawn,
)
from signaling_server.core.protocol.limits import Budget
from signaling_server.errors import Rejection
from signaling_server.fleet.engine import Engine, EngineLost
from signaling_server.transport.edge import LONGEST_WAIT, TRY_AGAIN, EdgeDoor
from signaling_server.transport.server import Transport

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two renewals of this host's record."""
SETTLED = 2.0
"""Seconds that a client may take from the answer where its room is until it is in there."""
PAUSE = 0.05
"""Seconds until Redis is asked again that has not answered."""
GENERATION_BYTES = 8
_OF_AN_EDGE = Join, Say, Gone, Report, Liveness, Withdrawn


class Fleet:
    """You must await `start` before the port is open, and `stop` before the transport is closed.

    `describe()` is this host's record for the others; `is_empty(room)` tells whether nothing of a
    room is left in this host's relay. `instance` is the random id of this process.
    """

    def __init__(
        self,
        engine: Engine,
        transport: Transport,
        settings: FleetSettings,
        instance: str,
        budget: Budget,
        sign: Sign,
        describe: Callable[[], HostRecord],
        is_empty: Callable[[str], bool],
    ) -> None:
        self.instance = instance
        self.hosts: dict[str, HostRecord] = {}
        """Of all hosts, by instance, as Redis had them last; this one is among them."""
        self._engine = engine
        self._transport = transport
        self._settings = settings
        self._budget = budget
        self._sign = sign
        self._describe = describe
        self._is_empty = is_empty
        self._far = transport.meet(self)
        self._ownership = Ownership(instance, settings.patience)
        self._links: dict[str, Link] = {}
        """By the instance of the other host."""
        self._doors: dict[str, EdgeDoor] = {}
        """By the same."""
        self._waiting: defaultdict[str, list[asyncio.Future[str]]] = defaultdict(list)
        """Clients that want to know who serves a room."""
        self._entering: Counter[str] = Counter()
        """Clients that have just heard that their room is served here."""
        self._background = Background()
        self._timer: asyncio.TimerHandle | None = None
        self._tick_is_at = 0.0
        self._flush_is_due = False
        self._loop = asyncio.get_running_loop()

    # --- what the transport asks (transport/elsewhere.py) -----------------------------------------

    async def door(self, room: str) -> EdgeDoor | None:
        """The way to the host that serves a room; None: this one does. Raises Rejection."""
        answer: asyncio.Future[str] = self._loop.create_future()
        self._waiting[room].append(answer)
        self._decide(self._ownership.wanted(room))
        if not answer.done():
            try:
                await asyncio.wait_for(answer, LONGEST_WAIT)
            except asyncio.TimeoutError:
                raise Rejection("shutting-down", TRY_AGAIN) from None
        owner = answer.result()
        if owner:
            self._link(owner)
            return self._doors[owner]
        self._entering[room] += 1
        self._loop.call_later(SETTLED, self._settled, room)
        return None

    def _settled(self, room: str) -> None:
        self._entering[room] -= 1
        if not self._entering[room]:
            del self._entering[room]

    def moved(self, room: str) -> None:
        """The host behind the door of a room does not serve it."""
        self._ownership.moved(room)

    def serves(self, room: str) -> bool:
        """Whether this host serves a room."""
        return self._ownership.serves(room)

    def withdraw(self, fingerprints: tuple[str, ...]) -> None:
        """Tell all hosts that these grants are no longer valid."""
        for link in self._links.values():
            link.put(Withdrawn(fingerprints))

    # --- start, stop, time ------------------------------------------------------------------------

    async def start(self) -> None:
        """Meet the others; without Redis, go on alone and try again. Raises StartError."""
        self._ownership.engine_lost(self._loop.time())
        await self._engine.start(self._heard, self._changed)
        self._tick()
        self._background.start(self._keep_beating())

    async def stop(self) -> None:
        """Tell the others that this host stops: its rooms are free, its clients come to them."""
        await self._background.cancel()
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._engine.leave()
            for link in self._links.values():
                for output in (*link.flush(), *link.bye()):
                    if isinstance(output, links.Transmit):
                        await self._engine.publish(link.peer, output.text)
        except EngineLost as error:
            log.warning("the other hosts were not told of the stop: %s", error)
        await self._engine.stop()

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(EngineLost):  # the engine logs it, and tells when it is back
                await self._beat()
            for door in self._doors.values():
                door.tell_pulses()
            self._give_up_rooms()
            await asyncio.sleep(BEAT)

    async def _beat(self) -> None:
        lease = round(self._settings.lease * 1000)
        if not await self._engine.beat(self._describe().text, lease):
            await self._engine.announce(self._describe().text, lease)
            self._decide(self._ownership.lease_lost())
        self._meet(await self._engine.hosts())

    def _meet(self, records: dict[str, str]) -> None:
        """These hosts are there."""
        known = {instance: parse_record(text) for instance, text in records.items()}
        self._tell_of(known)
        self.hosts = known
        self._decide(self._ownership.present(known.keys() - {self.instance}, self._loop.time()))
        for instance, life in list(self._ownership.hosts.items()):
            if life is not Life.DEAD:
                self._link(instance)
        for instance in self._links.keys() - self._ownership.hosts.keys():
            if not self._links[instance].up:  # what it said last came after its end
                self._forget(instance)

    def _tell_of(self, known: dict[str, HostRecord]) -> None:
        for instance in known.keys() - self.hosts.keys() - {self.instance}:
            log.info("host %s is part of the fleet (%s)", known[instance].name, instance)
        for instance in self.hosts.keys() - known.keys() - {self.instance}:
            log.warning("host %s has left the fleet (%s)", self.hosts[instance].name, instance)

    def _give_up_rooms(self) -> None:
        """Forget the rooms in which nobody is any longer."""
        bound = {instance: door.rooms for instance, door in self._doors.items()}
        for room, known in list(self._ownership.rooms.items()):
            if room in self._waiting or room in self._entering:
                continue
            if known.standing is Standing.THEIRS:
                if room not in bound.get(known.owner, ()):
                    self._ownership.unbound(room)
            elif self._is_empty(room):
                self._decide(self._ownership.emptied(room))

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for link in list(self._links.values()):
            self._obey(link, link.tick(now))
        self._decide(self._ownership.tick(now))
        due = [link.next_deadline() for link in self._links.values()]
        patience = self._ownership.next_deadline()
        if patience is not None:
            due.append(patience)
        self._tick_at(min(due, default=now + BEAT))

    def _tick_at(self, when: float) -> None:
        """Tick then, or earlier."""
        if self._timer is not None and self._tick_is_at <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._tick_is_at = when
        self._timer = self._loop.call_at(when, self._tick)

    # --- Redis ------------------------------------------------------------------------------------

    def _changed(self, reachable: bool) -> None:
        if reachable:
            self._background.start(self._come_back())
        else:
            self._ownership.engine_lost(self._loop.time())
            self._tick_at(self._loop.time() + self._settings.patience)

    async def _come_back(self) -> None:
        """Redis is there; it may have forgotten everything."""
        try:
            await self._engine.announce(self._describe().text, round(self._settings.lease * 1000))
            self._decide(self._ownership.engine_back(self._loop.time()))
            self._meet(await self._engine.hosts())
        except EngineLost:
            return
        for link in self._links.values():
            self._obey(link, link.resend())

    def _heard(self, text: str) -> None:
        """Another host says something, or somebody who pretends to be one."""
        try:
            batch: Batch = parse_batch(text, self._sign)
        except BadBatch as error:
            log.warning("dropped a message that is not of this fleet: %s", error)
            return
        if batch.sender == self.instance:
            return
        link = self._link(batch.sender)
        self._obey(link, link.received(batch, self._loop.time()))
        if link.up:
            self._ownership.lives(batch.sender)

    async def _publish(self, link: Link, text: str) -> None:
        try:
            listening = await self._engine.publish(link.peer, text)
        except EngineLost:
            return
        if listening:
            link.heard()
        elif link.unheard(self._loop.time()):
            self._decide(self._ownership.deaf(link.peer, self._loop.time()))
        self._tick_at(link.next_deadline())

    # --- links ------------------------------------------------------------------------------------

    def _link(self, instance: str) -> Link:
        link = self._links.get(instance)
        if link is None:
            now = self._loop.time()
            link = self._links[instance] = Link(
                self.instance,
                instance,
                functools.partial(secrets.token_hex, GENERATION_BYTES),
                self._sign,
                self._budget,
                self._settings.link_bytes,
                self._settings.lease + BEAT,
                now,
                self._flush_soon,
            )
            self._doors[instance] = self._transport.edge(link)
            self._obey(link, link.tick(now))
            self._tick_at(link.next_deadline())
        return link

    def _forget(self, instance: str) -> None:
        self._links.pop(instance, None)
        self._doors.pop(instance, None)

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        for link in list(self._links.values()):
            self._obey(link, link.flush())

    def _obey(self, link: Link, outputs: Iterable[links.Output]) -> None:
        for output in outputs:
            if isinstance(output, links.Transmit):
                self._background.start(self._publish(link, output.text))
            elif isinstance(output, links.Handle):
                if not self._hear(link, output.record):
                    return
            else:
                self._ended(link, output.reason)

    def _hear(self, link: Link, record: Record) -> bool:
        """What another host says; False: that was a violation, and the link has ended."""
        try:
            if isinstance(record, _OF_AN_EDGE):
                self._far.handle(link, record)
            else:
                self._doors[link.peer].handle(record)
        except BadRecord as error:
            log.error("host %s breaks the protocol: %s", self._name(link.peer), error)
            self._obey(link, link.end("violation", self._loop.time()))
            return False
        return True

    def _ended(self, link: Link, reason: str) -> None:
        log.warning("the link to host %s has ended (%s)", self._name(link.peer), reason)
        self._far.ended(link)
        self._transport.hang_up(self._doors[link.peer].ended())
        self._tick_at(link.next_deadline())
        if reason == "stopped":
            self._forget(link.peer)
            self._decide(self._ownership.stopped(link.peer))

    def _name(self, instance: str) -> str:
        record = self.hosts.get(instance)
        return record.name if record else instance

    # --- rooms ------------------------------------------------------------------------------------

    def _decide(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Claim):
                self._background.start(self._claim(output.rooms))
            elif isinstance(output, Release):
                self._background.start(self._release(output.room))
            elif isinstance(output, Admit):
                self._admit(output.room, output.owner)
            elif isinstance(output, Dissolve):
                log.warning("room %s is served by another host: its peers meet there", output.room)
                self._transport.dissolve(output.room)
            elif isinstance(output, Part):
                self._part(output)
            else:
                self._background.start(self._bury(output))

    def _admit(self, room: str, owner: str) -> None:
        for answer in self._waiting.pop(room, ()):
            if not answer.done():
                answer.set_result(owner)

    def _part(self, part: Part) -> None:
        link = self._links.get(part.host)
        if link is not None:
            self._obey(link, link.end(part.reason, self._loop.time()))
            self._forget(part.host)

    async def _claim(self, rooms: tuple[str, ...]) -> None:
        try:
            owners = await self._engine.claim(rooms)
        except EngineLost:
            await asyncio.sleep(PAUSE)
            self._decide(self._ownership.unanswered(rooms))
        else:
            self._decide(self._ownership.claimed(rooms, owners))

    async def _release(self, room: str) -> None:
        with contextlib.suppress(EngineLost):  # after that all rooms are claimed anew
            await self._engine.release([room])

    async def _bury(self, bury: Bury) -> None:
        with contextlib.suppress(EngineLost):  # the next host that claims one of its rooms gets it
            while await self._engine.bury(bury.host, bury.seen_silent):
                pass
