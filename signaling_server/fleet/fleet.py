"""This host as part of a fleet: its life in Redis, and the parts that a fleet is made of.

    Redis ── batches ──> Links ── records ──> FarClients (we own the room) or EdgeDoor (they do)
      └──── claims ────> Rooms ── where a room is ──> those who join

A host renews its record in Redis each second, and looks who else has one. While Redis does not
answer everything goes on as it was, for `fleet.patience` seconds; then this host goes on alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import Callable, Iterable

from signaling_server.background import Background
from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.fleet.batch import Sign
from signaling_server.core.fleet.host_record import HostRecord, differences
from signaling_server.core.fleet.ownership import Life, Ownership
from signaling_server.core.fleet.register import Register
from signaling_server.core.fleet.state import FleetState
from signaling_server.core.fleet.withdrawals import Withdrawals
from signaling_server.core.protocol.limits import Budget
from signaling_server.errors import Rejection
from signaling_server.fleet.engine import Engine, EngineLost
from signaling_server.fleet.links import Links
from signaling_server.fleet.rooms import Rooms
from signaling_server.fleet.view import Known, view
from signaling_server.transport.edge import EdgeDoor
from signaling_server.transport.server import Transport

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two renewals of this host's record."""
SUFFIX_BYTES = 2


class Fleet:
    """You must await `start` before the port is open, and `stop` before the transport is closed.

    `describe(name)` is this host's record for the others; `is_empty(room)` tells whether nothing of
    a room is left in this host's relay. `instance` is the random id of this process. `keep()`:
    seconds for which a host keeps what a client has left behind.
    """

    def __init__(
        self,
        engine: Engine,
        transport: Transport,
        settings: FleetSettings,
        instance: str,
        budget: Budget,
        sign: Sign,
        describe: Callable[[str], HostRecord],
        is_empty: Callable[[str], bool],
        keep: Callable[[], float],
    ) -> None:
        self.instance = instance
        self._engine = engine
        self._lease = round(settings.lease * 1000)
        self._describe = describe
        self._register = Register(sign)
        self._background = background = Background()
        silence = settings.lease + BEAT
        self._ownership = Ownership(instance, settings.patience)
        self.links = links = Links(
            instance,
            engine,
            transport,
            transport.meet(self),
            sign,
            budget,
            settings.link_bytes,
            silence,
            # The other host notices the end of a link so late, and keeps things from then on.
            Withdrawals(lambda: keep() + silence),
            self,
            background,
        )
        self._rooms = Rooms(
            self._ownership, engine, links.part, links.dissolve, is_empty, background
        )
        self._loop = asyncio.get_running_loop()
        self._known: dict[str, Known] = {}
        """The other hosts that Redis has records of, by instance."""
        self._warned: frozenset[str] = frozenset()
        self._renamed = ""
        """The name that another host has taken."""
        self._patience: asyncio.TimerHandle | None = None
        self._since = self._lost_at = self._loop.time()
        self._stops = False

    # --- what the transport asks (transport/elsewhere.py) -----------------------------------------

    async def door(self, room: str) -> EdgeDoor | None:
        """The way to the host that serves a room; None: this one does. Raises Rejection."""
        if self._stops:
            raise Rejection("shutting-down", "the server is shutting down")
        owner = await self._rooms.owner(room)
        return self.links.door(owner) if owner else None

    def moved(self, room: str) -> None:
        """The host behind the door of a room does not serve it."""
        self._ownership.moved(room)

    def serves(self, room: str) -> bool:
        """Whether this host serves a room, of which another host believes it."""
        return self._rooms.serves(room)

    def withdraw(self, gone: Iterable[str], valid: Iterable[str]) -> None:
        """Tell all hosts which grants are no longer valid; `valid` are, both by fingerprint."""
        self.links.withdraw(tuple(gone), valid)

    # --- what the links tell (fleet/links.py) -----------------------------------------------------

    def name_of(self, host: str) -> str:
        """The name of an instance, for people."""
        known = self._known.get(host)
        return known.record.name if known else host

    def lives(self, host: str) -> None:
        """A host has said something over its link."""
        self._ownership.lives(host)

    def deaf(self, host: str) -> None:
        """Nobody has listened on the channel of a host, twice."""
        self._rooms.decide(self._ownership.deaf(host, self._loop.time()))

    def stopped(self, host: str) -> None:
        """A host has said that it stops; its link is gone."""
        self._rooms.decide(self._ownership.stopped(host))

    # --- start and stop ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Meet the others; without Redis, go on alone and try again. Raises StartError."""
        self._lose()
        await self._engine.start(self.links.heard, self._changed)
        self._background.start(self._keep_beating())

    async def stop(self) -> None:
        """Tell the others that this host stops: its rooms are free, its clients come to them."""
        self._stops = True
        await self._background.cancel()
        self.links.cancel()
        if self._patience is not None:
            self._patience.cancel()
        try:
            await self._engine.leave()
            await self.links.bye()
        except EngineLost as error:
            log.warning("the other hosts were not told of the stop: %s", error)
        await self._engine.stop()

    # --- Redis ------------------------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(EngineLost):  # the engine logs it, and tells when it is back
                await self._beat()
            for door in self.links.doors.values():
                door.tell_pulses()
            self._rooms.give_up({host: door.rooms for host, door in self.links.doors.items()})
            await asyncio.sleep(BEAT)

    async def _beat(self) -> None:
        if not await self._engine.beat(self._record(), self._lease):
            self._rename(await self._hosts())
            await self._announce()
            self._rooms.decide(self._ownership.lease_lost())
        self._meet(await self._hosts())

    async def _announce(self) -> None:
        await self._engine.announce(self._record(), self._lease)

    def _record(self) -> str:
        return self._register.text(self.instance, self._describe(self._engine.name))

    async def _hosts(self) -> dict[str, HostRecord]:
        return self._register.read(await self._engine.hosts())

    def _rename(self, records: dict[str, HostRecord]) -> None:
        """Take another name, if this one is a younger host's by now."""
        name = self._engine.name
        if any(record.name == name for host, record in records.items() if host != self.instance):
            self._renamed = name
            self._engine.name = f"{name}-{secrets.token_hex(SUFFIX_BYTES)}"
            log.warning("another host is named %s: this is %s now", name, self._engine.name)

    def _meet(self, records: dict[str, HostRecord]) -> None:
        """Redis has the records of these hosts."""
        now = self._loop.time()
        for host, record in records.items():
            since = self._known[host].since if host in self._known else now
            if host != self.instance:
                if host not in self._known:
                    fields = {"HAWKEYE_HOST": record.name}
                    log.info("host %s is part of the fleet (%s)", record.name, host, extra=fields)
                self._known[host] = Known(record, since)
        self._rooms.decide(self._ownership.present(records.keys() - {self.instance}, now))
        for host, life in list(self._ownership.hosts.items()):
            if life is not Life.DEAD:
                self.links.meet(host)
        for host in self.links.links.keys() - self._ownership.hosts.keys():
            if not self.links.links[host].up:  # what it said last came after its end
                self.links.forget(host)
        for host in self._known.keys() - self._ownership.hosts.keys():
            name = self._known.pop(host).record.name
            fields = {"HAWKEYE_HOST": name}
            log.warning("host %s has left the fleet (%s)", name, host, extra=fields)
        self._warn()

    def _warn(self) -> None:
        """Log what is not as it should be, once."""
        warnings = frozenset(self._warnings())
        for warning in sorted(warnings - self._warned):
            log.warning("%s", warning)
        self._warned = warnings

    def _warnings(self) -> list[str]:
        own = self._describe(self._engine.name)
        warnings = differences(own, [known.record for known in self._known.values()])
        warnings += self._register.warnings
        for host, link in self.links.links.items():
            if link.stranger:
                warnings.append(
                    f"host {self.name_of(host)} speaks another version: no room is shared"
                )
        if self._renamed:
            warnings.append(
                f"another host is named {self._renamed}: this is {self._engine.name} now"
            )
        return warnings

    def _changed(self, reachable: bool) -> None:
        if reachable:
            self._background.start(self._come_back())
        else:
            self._lose()

    def _lose(self) -> None:
        self._lost_at = self._loop.time()
        self._ownership.engine_lost(self._lost_at)
        due = self._ownership.next_deadline()
        if due is not None:
            self._patience = self._loop.call_at(due, self._give_up)

    def _give_up(self) -> None:
        """Go on alone, if Redis is still away."""
        was = self._ownership.alone
        self._rooms.decide(self._ownership.tick(self._loop.time()))
        if self._ownership.alone and not was:
            self._since = self._loop.time()
            log.warning("Redis is away for too long: this host goes on alone")

    async def _come_back(self) -> None:
        """Redis is there; it may have forgotten everything."""
        try:
            await self._announce()
            records = await self._hosts()
        except EngineLost:
            return
        if self._patience is not None:
            self._patience.cancel()
        if self._ownership.alone:
            self._since = self._loop.time()
            log.info("Redis is back: this host is part of the fleet again")
        self._rooms.decide(self._ownership.engine_back(self._loop.time()))
        self._meet(records)
        self.links.resend()

    # --- for people -------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """Whether this host goes on alone, because Redis has not answered for too long."""
        return self._ownership.alone

    def state(self) -> FleetState:
        """The fleet as this host sees it now."""
        return view(
            self.instance,
            self._describe(self._engine.name),
            self._known,
            self.links,
            together=not self._ownership.alone,
            since=self._since,
            lost_because=self._engine.lost_because,
            lost_at=self._lost_at,
            warnings=self._warnings(),
            signed=self._register.signed,
            met=self._ownership.was_there,
            now=self._loop.time(),
        )
