"""What passes between the hosts of a fleet, counted for the metrics."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Iterable, NamedTuple

from signaling_server.core.fleet.link import Link


class Tally:
    """Counters since the start."""

    def __init__(self) -> None:
        self.batches: CounterOf[str] = Counter()
        """Messages by direction: `in` and `out`."""
        self.records: CounterOf[str] = Counter()
        """What other hosts have said, by kind."""
        self.resets: CounterOf[str] = Counter()
        """Ends of links by reason."""
        self.dissolved = 0
        """Rooms whose clients were hung up, because another host serves them."""
        self._resent = self._gaps = 0

    def retire(self, link: Link) -> None:
        """A link is forgotten: its counters still count."""
        self._resent += link.resent
        self._gaps += link.gaps

    def resent(self, links: Iterable[Link]) -> int:
        """Batches that were sent again, on these links and on those that are forgotten."""
        return self._resent + sum(link.resent for link in links)

    def gaps(self, links: Iterable[Link]) -> int:
        """Batches that came too early, in the same way."""
        return self._gaps + sum(link.gaps for link in links)


class Figures(NamedTuple):
    """The state of the fleet in numbers."""

    up: bool
    """Whether Redis answers."""
    links: int
    """Links that are up."""
    far: int
    """Clients of other hosts in rooms of this one."""
    edge: int
    """Clients of this host in rooms of others."""
    resent: int
    gaps: int
    unacknowledged: int
    """Bytes."""
    round_trips: dict[str, float]
    """Seconds, by the name of the other host."""
