"""The worst finding of all rooms: what a person should read first."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

from signaling_server.core.insight.finding import SEVERITIES, Finding
from signaling_server.core.insight.reports import RoomReport


class Headline(NamedTuple):
    """A finding, and the room that it is about; None: no room that exists."""

    finding: Finding
    room: str | None


def headline(rooms: Iterable[RoomReport], elsewhere: Iterable[Finding]) -> Headline | None:
    """The worst finding; of equally bad ones the first. None: nothing is wrong."""
    found = [*_of_rooms(rooms), *(Headline(finding, None) for finding in elsewhere)]
    return min(found, key=lambda one: SEVERITIES.index(one.finding.severity), default=None)


def _of_rooms(rooms: Iterable[RoomReport]) -> Iterator[Headline]:
    for room in rooms:
        for finding in (*(each for pair in room.pairs for each in pair.diagnosis), *room.diagnosis):
            yield Headline(finding, room.name)
