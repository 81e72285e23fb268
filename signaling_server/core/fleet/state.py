"""What one host knows of its fleet at a moment: what the status, the page and the metrics show.

All times are spans in seconds up to that moment, so that whoever shows them needs no clock.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from signaling_server.core.lone_peer import LonePeer


class HostState(NamedTuple):
    """Another host, or this one."""

    name: str
    instance: str
    """The random id of its process."""
    url: str
    """For people; "": it tells none."""
    version: str
    rooms: int
    """Rooms that it owns."""
    clients: int
    """Clients in them, wherever they are connected."""
    seconds: float
    """For how long it has been known here."""
    silent: float
    """For how long nothing has been heard of it; 0 of this host."""
    round_trip: float | None
    """To it and back, by Redis; None: not known yet, or this host."""
    linked: bool
    """Whether clients can join rooms over the two hosts; True of this host."""
    lone: tuple[LonePeer, ...] = ()
    """Peers that are alone in rooms that it owns; not told of this host."""


class RoomElsewhere(NamedTuple):
    """A room that another host owns, and in which clients of this host are."""

    room: str
    owner: str
    """The instance."""
    clients: tuple[str, ...]
    """Ids of the clients that are connected here."""


class FleetState(NamedTuple):
    """The fleet, as this host sees it."""

    name: str
    instance: str
    together: bool
    """False: this host goes on alone."""
    seconds: float
    """For how long it has been so."""
    lost_because: str
    """Why Redis cannot be reached; "": it can."""
    lost: float
    """Seconds for which Redis has not answered."""
    hosts: Sequence[HostState] = ()
    """All, this one first."""
    elsewhere: Sequence[RoomElsewhere] = ()
    warnings: Sequence[str] = ()
    """Sentences about what is not as it should be, but for the loss of Redis."""
    signed: bool = False
    """Whether the fleet has a secret: what is known of a host is what it told."""
    met: bool = True
    """Whether Redis has ever answered."""

    @property
    def state(self) -> str:
        """`together`; `waiting`: Redis does not answer, but may be back in time; or `alone`."""
        if not self.together:
            return "alone"
        return "waiting" if self.lost_because else "together"

    @property
    def lone(self) -> list[LonePeer]:
        """Peers that are alone in rooms of other hosts; none while these cannot be heard of."""
        others = () if self.lost_because else self.hosts[1:]
        return [peer._replace(host=host.name) for host in others for peer in host.lone]

    @property
    def sentences(self) -> list[str]:
        """All that an operator has to know, the loss of Redis first."""
        return [*self._of_redis(), *self.warnings]

    def _of_redis(self) -> list[str]:
        if not self.lost_because:
            return []
        how_long = f"Redis has not answered for {self.lost:.0f} s"
        what = "rooms on one host go on" if self.together else "rooms on two hosts are apart"
        return [f"{how_long}: {what} ({self.lost_because})"]
