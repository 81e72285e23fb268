"""The fleet as the status and the metrics of this host show it; nothing of it without a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, Sequence

from signaling_server.core.fleet.state import FleetState
from signaling_server.core.fleet.tally import Figures
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.reporting import fleet_metrics
from signaling_server.core.reporting.metrics import Family

if TYPE_CHECKING:
    from signaling_server.fleet.fleet import Fleet


class Seen:
    """Reads `fleet`, which is set once, before the server serves."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None

    def state(self) -> FleetState | None:
        """What this host knows of its fleet; None: it is in none."""
        return None if self.fleet is None else self.fleet.state()

    def hosts(self) -> Mapping[str, str]:
        """The name of the host to which each far client is connected, by Socket.IO sid."""
        if self.fleet is None:
            return {}
        links = self.fleet.links
        return {sid: self.fleet.name_of(host) for sid, host in links.far_clients().items()}

    def lone(self) -> Sequence[LonePeer]:
        """Peers that are alone in rooms of other hosts."""
        state = self.state()
        return () if state is None else state.lone

    def families(self) -> list[Family]:
        """What the fleet adds to the metrics."""
        if self.fleet is None:
            return []
        links, tally = self.fleet.links, self.fleet.links.tally
        all_of_them = links.links.values()
        figures = Figures(
            up=not self.fleet.state().lost_because,
            links=sum(link.up for link in all_of_them),
            far=len(links.far_clients()),
            edge=sum(len(ids) for door in links.doors.values() for ids in door.clients().values()),
            resent=tally.resent(all_of_them),
            gaps=tally.gaps(all_of_them),
            unacknowledged=sum(link.unacknowledged for link in all_of_them),
            round_trips={
                self.fleet.name_of(link.peer): link.round_trip
                for link in all_of_them
                if link.up and link.round_trip is not None
            },
        )
        return fleet_metrics.families(figures, tally)
