"""The bars of a timeline: when a peer was present, when away, and when a call was established.

Goal: an operator sees at a look who was here when, an hour back. Memory is bounded: of a room whose
clients come and go all the time, the oldest bars of the busiest one are dropped, so that those of
the others outlive them.
"""

from __future__ import annotations

from collections import Counter
from typing import Callable, Hashable, NamedTuple, Sequence, Tuple, TypeVar

PRESENT, AWAY, CALL = "present", "away", "call"
MOST = 48
"""Bars of a room: more cannot be told apart on a phone."""

Peers = Tuple[str, ...]
"""One peer; of a call the two, sorted, or the one that reports it if the other is not known."""
T = TypeVar("T")


class Span(NamedTuple):
    """A bar; `until` is None while it lasts. Times are seconds on a monotonic clock."""

    peers: Peers
    state: str
    since: float
    until: float | None = None


class Spans:
    """The bars of one room, in the order in which they began."""

    def __init__(self) -> None:
        self.all: list[Span] = []

    @property
    def here(self) -> list[str]:
        """The peers that are present or away, in the order of their bars."""
        lasting = (span for span in self.all if span.until is None and span.state != CALL)
        return [span.peers[0] for span in lasting]

    def be(self, peer_id: str, state: str, now: float) -> None:
        """A peer is PRESENT or AWAY from now on; no new bar if it was already."""
        lasts = [span for span in self._lasting(peer_id) if span.state != CALL]
        if any(span.state == state for span in lasts):
            return
        self._end(lasts, now)
        self._begin(Span((peer_id,), state, now))

    def gone(self, peer_id: str, now: float) -> None:
        """A peer has left: no more is known of its calls either."""
        self._end(self._lasting(peer_id), now)

    def call(self, peers: Peers, established: bool, now: float) -> bool:
        """A peer reports whether the call of these is established; True if that is news."""
        lasts = [span for span in self._lasting(peers[0]) if span[:2] == (peers, CALL)]
        if established == bool(lasts):
            return False
        self._end(lasts, now)
        if established:
            self._begin(Span(peers, CALL, now))
        return True

    def forget(self, before: float) -> None:
        """Drop the bars that ended before then."""
        self.all = [span for span in self.all if span.until is None or span.until >= before]

    def _lasting(self, peer_id: str) -> list[Span]:
        return [span for span in self.all if span.until is None and peer_id in span.peers]

    def _begin(self, span: Span) -> None:
        if len(self.all) >= MOST:
            ended = [old for old in self.all if old.until is not None]
            if not ended:
                return
            self.all.remove(ended[crowding(ended, lambda old: old.peers)])
        self.all.append(span)

    def _end(self, spans: list[Span], now: float) -> None:
        for span in spans:
            self.all[self.all.index(span)] = span._replace(until=now)


def crowding(items: Sequence[T], group: Callable[[T], Hashable]) -> int:
    """The index of the first item of the largest group: the one whose loss tells the least."""
    groups = [group(item) for item in items]
    return groups.index(Counter(groups).most_common(1)[0][0])
