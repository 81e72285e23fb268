"""Who owns which room, as one host of the fleet knows it.

One host runs the relay of a room, its owner; the others are edges of it. Redis says who: `Claim`
asks, and takes the room if it is free. A room here is

    unknown ──wanted──> ASKING ──claimed: me──────> OURS ──emptied──> unknown
                          │ └────claimed: another─> THEIRS ──moved, unbound, host dead──> unknown
                          └────no Redis for `patience` seconds──> ISLAND ──emptied──> unknown

Nothing here has to be right at every moment, because a connection is bound to one relay for life
and links are in order: two owners of a room only mean that two halves of it do not meet. So:

- after each loss of Redis, or of this host's lease, it claims all rooms again that it serves. One
  that is another's by now is dissolved here: its clients come back, and meet at the owner;
- without Redis the rooms go on for `patience` seconds as they were; then every host goes on alone;
- a host is dead when its record is gone, or when nobody has listened on its channel twice; but
  for ALL_BACK seconds after Redis was away neither says anything.
"""

from __future__ import annotations

from enum import IntEnum
from typing import AbstractSet, Iterable, NamedTuple, Sequence, Union

ALL_BACK = 3.0
"""Seconds after which all hosts have found Redis again that can: until then it may not know them,
because it came back empty, or not hear them, because they are still on their way."""


class Life(IntEnum):
    """What is known of another host."""

    ALIVE = 1
    SUSPECT = 2
    """It has missed a sign of life."""
    DEAD = 3


class Standing(IntEnum):
    """What a room is here."""

    ASKING = 1
    OURS = 2
    THEIRS = 3
    ISLAND = 4
    """It is served here, and nobody could be asked."""


class Room(NamedTuple):
    """A room that is known here."""

    standing: Standing
    owner: str = ""
    """The instance, of THEIRS."""


class Claim(NamedTuple):
    """Ask Redis for the owner of each of these rooms; answer with `claimed` or `unanswered`."""

    rooms: tuple[str, ...]


class Release(NamedTuple):
    """Tell Redis that nobody is in this room any longer."""

    room: str


class Admit(NamedTuple):
    """The owner of a room is known ("": this host): let those in who wait for it.

    If nobody is in the room of this host then, call `emptied`.
    """

    room: str
    owner: str


class Dissolve(NamedTuple):
    """This room is another host's: hang up its clients, and they meet there."""

    room: str


class Part(NamedTuple):
    """A host is dead, or (while this one is alone) out of reach: end the link to it."""

    host: str
    reason: str


class Bury(NamedTuple):
    """Tell Redis to free the rooms of a dead host."""

    host: str
    seen_silent: bool


Output = Union[Claim, Release, Admit, Dissolve, Part, Bury]
_SERVED = Standing.OURS, Standing.ISLAND


class Ownership:
    """The rooms and hosts that this host knows. `patience`: seconds without Redis until alone."""

    def __init__(self, me: str, patience: float) -> None:
        self._me = me
        self._patience = patience
        self._lost_at: float | None = None
        self.was_there = False
        """Whether Redis has ever answered."""
        self._all_back_at = 0.0
        self.rooms: dict[str, Room] = {}
        self.hosts: dict[str, Life] = {}
        """The others; those that are dead until their rooms are free."""
        self.alone = False
        """Whether Redis has not answered for `patience` seconds."""

    def serves(self, room: str) -> bool:
        """Whether a room is served here."""
        known = self.rooms.get(room)
        return known is not None and known.standing in _SERVED

    # --- rooms ------------------------------------------------------------------------------------

    def wanted(self, room: str) -> list[Output]:
        """A client wants to enter a room: `Admit`, now or later, says where."""
        known = self.rooms.get(room)
        if known is None and self.alone:
            known = self.rooms[room] = Room(Standing.ISLAND)
        if known is None:
            self.rooms[room] = Room(Standing.ASKING)
            return [] if self._lost_at is not None else [Claim((room,))]
        return [] if known.standing is Standing.ASKING else [Admit(room, known.owner)]

    def claimed(self, rooms: Sequence[str], owners: Sequence[str]) -> list[Output]:
        """Redis has named the owners."""
        outputs: list[Output] = []
        for room, owner in zip(rooms, owners):
            known = self.rooms.get(room)
            if known is None:  # emptied meanwhile, and released after this claim
                continue
            ours = owner == self._me
            if known.standing in _SERVED and not ours:
                outputs.append(Dissolve(room))
            if known.standing is not Standing.THEIRS:
                new = Room(Standing.OURS) if ours else Room(Standing.THEIRS, owner)
                self.rooms[room] = new
            if known.standing is Standing.ASKING:
                outputs.append(Admit(room, "" if ours else owner))
        return outputs

    def unanswered(self, rooms: Iterable[str]) -> list[Output]:
        """Redis has not answered a claim: it is made again when Redis is back, or never."""
        if self._lost_at is not None:
            return []
        again = tuple(room for room in rooms if self._in_doubt(room))
        return [Claim(again)] if again else []

    def _in_doubt(self, room: str) -> bool:
        known = self.rooms.get(room)
        return known is not None and known.standing is not Standing.THEIRS

    def emptied(self, room: str) -> list[Output]:
        """Nobody is in a room here any longer, and nobody waits for it."""
        known = self.rooms.get(room)
        if known is None or known.standing not in _SERVED:
            return []
        del self.rooms[room]
        return [Release(room)]

    def unbound(self, room: str) -> None:
        """No client of this host is in a room of another any longer."""
        self._forget(room)

    def moved(self, room: str) -> None:
        """The host that was asked does not own the room: ask Redis again when it is wanted."""
        self._forget(room)

    def _forget(self, room: str) -> None:
        known = self.rooms.get(room)
        if known is not None and known.standing is Standing.THEIRS:
            del self.rooms[room]

    def _claim_all(self) -> list[Output]:
        rooms = tuple(room for room in self.rooms if self._in_doubt(room))
        return [Claim(rooms)] if rooms else []

    # --- Redis ------------------------------------------------------------------------------------

    def engine_lost(self, now: float) -> None:
        """Redis does not answer."""
        if self._lost_at is None:
            self._lost_at = now

    def engine_back(self, now: float) -> list[Output]:
        """Redis answers again; it may have forgotten everything."""
        if self.was_there:
            self._all_back_at = now + ALL_BACK
        self.was_there = True
        self._lost_at = None
        self.alone = False
        return self._claim_all()

    def lease_lost(self) -> list[Output]:
        """This host's record was gone, and is set anew: others may have taken its rooms."""
        return self._claim_all()

    def next_deadline(self) -> float | None:
        """When `tick` is due."""
        if self._lost_at is None or self.alone:
            return None
        return self._lost_at + self._patience

    def tick(self, now: float) -> list[Output]:
        """Go on alone, if Redis has not answered for too long."""
        due = self.next_deadline()
        if due is None or now < due:
            return []
        self.alone = True
        outputs: list[Output] = [
            Part(host, "alone") for host, pulse in self.hosts.items() if pulse is not Life.DEAD
        ]
        for room, known in list(self.rooms.items()):
            if known.standing is Standing.THEIRS:
                del self.rooms[room]
            elif known.standing is Standing.ASKING:
                self.rooms[room] = Room(Standing.ISLAND)
                outputs.append(Admit(room, ""))
        return outputs

    # --- hosts ------------------------------------------------------------------------------------

    def present(self, instances: AbstractSet[str], now: float) -> list[Output]:
        """Redis has these host records. A host of which there is none any longer is dead."""
        outputs: list[Output] = []
        for gone in [host for host in self.hosts if host not in instances]:
            if self.hosts[gone] is not Life.DEAD:
                if now < self._all_back_at:
                    continue
                outputs += self._died(gone, "dead", seen_silent=False)
            del self.hosts[gone]
        for host in sorted(instances - {self._me}):
            self.hosts.setdefault(host, Life.ALIVE)
        return outputs

    def quiet(self, host: str) -> None:
        """A host has missed a sign of life."""
        if self.hosts.get(host) is Life.ALIVE:
            self.hosts[host] = Life.SUSPECT

    def lives(self, host: str) -> None:
        """A host has said something."""
        self.hosts[host] = Life.ALIVE

    def deaf(self, host: str, now: float) -> list[Output]:
        """Nobody has listened on the channel of a host, twice."""
        if now < self._all_back_at:
            return []
        return self._died(host, "dead", seen_silent=True)

    def stopped(self, host: str) -> list[Output]:
        """A host has said that it stops: its rooms are free already."""
        self._end(host)
        return [Part(host, "stopped")]

    def _died(self, host: str, reason: str, *, seen_silent: bool) -> list[Output]:
        self._end(host)
        return [Part(host, reason), Bury(host, seen_silent)]

    def _end(self, host: str) -> None:
        if host in self.hosts:
            self.hosts[host] = Life.DEAD
        for room, known in list(self.rooms.items()):
            if known == (Standing.THEIRS, host):
                del self.rooms[room]
