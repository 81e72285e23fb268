"""Hosts that share rooms, and a Redis that forgets, lets leases expire, and is cut off from some.

What is demanded: a host that was told that a room is another's does not serve it; a client that
wants a room gets an answer; and once all reach Redis again, within two beats each room is served
by one host alone, which is the one that every client is sent to.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signaling_server.core.fleet.ownership import (
    ALL_BACK,
    Admit,
    Bury,
    Claim,
    Dissolve,
    Output,
    Ownership,
    Part,
    Release,
)

PATIENCE, LEASE, BEAT = 3.0, 4.0, 1.0
HOSTS = "abc"
HOST = st.sampled_from(HOSTS)
ROOM = st.sampled_from(["r1", "r2"])


class Redis:
    """What the scripts of the engine do."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.leases: dict[str, float] = {}

    def alive(self, now: float) -> set[str]:
        return {host for host, until in self.leases.items() if until > now}

    def claim(self, room: str, me: str, now: float) -> str:
        owner = self.owners.get(room)
        if owner is None or owner not in self.alive(now):
            owner = self.owners[room] = me
        return owner


class OwnershipModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.redis = Redis()
        self.hosts = {host: Ownership(host, PATIENCE) for host in HOSTS}
        self.cut: set[str] = set()
        self.frozen: set[str] = set()
        self.serving: dict[str, set[str]] = {host: set() for host in HOSTS}
        """The rooms in which somebody is, at the relay of a host."""
        self.bound: dict[str, dict[str, str]] = {host: {} for host in HOSTS}
        """The rooms of which a host is an edge, and their owners."""
        self.waiting: dict[str, set[str]] = {host: set() for host in HOSTS}
        self.commands: dict[str, list[Any]] = {host: [] for host in HOSTS}
        for host in HOSTS:
            self.beat(host)

    # --- what a host does -------------------------------------------------------------------------

    def carry_out(self, host: str, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, (Claim, Release, Bury)):
                self.commands[host].append(output)
            elif isinstance(output, Dissolve):
                assert output.room in self.serving[host] or output.room not in self.waiting[host]
                self.end_room(host, output.room)
            elif isinstance(output, Part):
                for room, owner in list(self.bound[host].items()):
                    if owner == output.host:
                        del self.bound[host][room]
            else:
                self.admit(host, output)

    def end_room(self, host: str, room: str) -> None:
        """Nobody is in a room here any longer; the edges of it are told over their links."""
        self.serving[host].discard(room)
        for edge, bound in self.bound.items():
            if bound.get(room) == host:
                del bound[room]
                self.hosts[edge].unbound(room)

    def admit(self, host: str, admit: Admit) -> None:
        if admit.room not in self.waiting[host]:
            if not admit.owner and admit.room not in self.serving[host]:
                self.carry_out(host, self.hosts[host].emptied(admit.room))
            return
        self.waiting[host].discard(admit.room)
        if not admit.owner:
            self.serving[host].add(admit.room)
        elif admit.room in self.serving[admit.owner] and self.hosts[admit.owner].serves(admit.room):
            self.bound[host][admit.room] = admit.owner
        elif self.hosts[admit.owner].serves(admit.room):
            self.serving[admit.owner].add(admit.room)
            self.bound[host][admit.room] = admit.owner
        else:  # moved: the client tries again
            self.hosts[host].moved(admit.room)
            if admit.room not in self.hosts[admit.owner].rooms:
                # It released the room while it was cut off, and does so again (fleet/rooms.py).
                self.commands[admit.owner].append(Release(admit.room))

    def run(self, host: str, most: int = 100) -> None:
        """Redis carries out commands of a host, or they fail."""
        while self.commands[host] and most and host not in self.frozen:
            most -= 1
            command, ownership = self.commands[host].pop(0), self.hosts[host]
            if host in self.cut:
                if isinstance(command, Claim):
                    ownership.engine_lost(self.now)
                    self.carry_out(host, ownership.unanswered(command.rooms))
            elif isinstance(command, Claim):
                owners = [self.redis.claim(room, host, self.now) for room in command.rooms]
                self.carry_out(host, ownership.claimed(command.rooms, owners))
            elif isinstance(command, Release):
                if self.redis.owners.get(command.room) == host:
                    del self.redis.owners[command.room]
            elif command.host not in self.redis.alive(self.now):
                owned = self.redis.owners.items()
                self.redis.owners = {r: owner for r, owner in owned if owner != command.host}

    def beat(self, host: str) -> None:
        if host in self.frozen:
            return
        ownership = self.hosts[host]
        if host in self.cut:
            ownership.engine_lost(self.now)
            self.carry_out(host, ownership.tick(self.now))
            return
        if ownership._lost_at is not None:
            self.carry_out(host, ownership.engine_back(self.now))
        had = host in self.redis.alive(self.now)
        self.redis.leases[host] = self.now + LEASE
        if not had:
            self.carry_out(host, ownership.lease_lost())
        self.carry_out(host, ownership.present(self.redis.alive(self.now), self.now))

    # --- what happens -----------------------------------------------------------------------------

    @rule(host=HOST, room=ROOM)
    def a_client_comes(self, host: str, room: str) -> None:
        if host not in self.frozen and room not in self.bound[host]:
            self.waiting[host].add(room)
            self.carry_out(host, self.hosts[host].wanted(room))

    @rule(host=HOST, room=ROOM)
    def all_leave(self, host: str, room: str) -> None:
        if room in self.serving[host] and host not in self.frozen:
            self.end_room(host, room)
            self.carry_out(host, self.hosts[host].emptied(room))

    @rule(host=HOST)
    def a_command_arrives(self, host: str) -> None:
        self.run(host, 1)

    @rule(host=HOST, seconds=st.sampled_from([0.1, 1.0, 1.0, 3.5, 5.0]))
    def time_passes(self, host: str, seconds: float) -> None:
        self.now += seconds
        for each in HOSTS:
            self.beat(each)

    @rule(host=HOST)
    def cut_off_or_back(self, host: str) -> None:
        self.cut ^= {host}

    @rule(host=HOST)
    def frozen_or_awake(self, host: str) -> None:
        self.frozen ^= {host}

    @rule()
    def redis_forgets(self) -> None:
        self.redis.owners.clear()
        self.redis.leases.clear()

    @rule(room=ROOM, host=HOST)
    def all_is_well_again(self, room: str, host: str) -> None:
        self.cut.clear()
        self.frozen.clear()
        for _ in range(3 + math.ceil(ALL_BACK)):
            self.now += BEAT
            for each in HOSTS:
                self.beat(each)
            for each in HOSTS:
                self.run(each)
        for name in ("r1", "r2"):
            owners = [each for each in HOSTS if name in self.serving[each]]
            assert len(owners) <= 1
            assert owners == [] or self.redis.owners[name] == owners[0]
        assert not any(self.waiting.values())
        for _ in range(2):  # one may be told `moved`
            self.a_client_comes(host, room)
            for each in (host, *HOSTS):
                self.run(each)
        served = [each for each in HOSTS if room in self.serving[each]]
        assert len(served) == 1
        assert served == [host] or self.bound[host][room] == served[0]

    @invariant()
    def nobody_serves_what_it_knows_to_be_anothers(self) -> None:
        for host, ownership in self.hosts.items():
            for room in self.serving[host]:
                assert ownership.serves(room)


TestOwnershipModel = OwnershipModel.TestCase
