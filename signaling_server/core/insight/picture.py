"""All rooms at one moment, and the worst that is wrong in any of them."""

from __future__ import annotations

import itertools
from typing import Callable, Mapping, NamedTuple, Sequence

from signaling_server.core.insight import lone_peers
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.headline import Headline, headline
from signaling_server.core.insight.observed import ObservedRoom
from signaling_server.core.insight.refused_clients import RefusedClients
from signaling_server.core.insight.reports import RoomReport
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.scope import ALL, Scope

OtherHosts = Callable[[], Sequence[LonePeer]]
"""Returns the lone peers in rooms of other hosts."""


class Picture(NamedTuple):
    """All rooms as they are, and what is wrong."""

    rooms: list[RoomReport]
    elsewhere: list[Finding]
    """Of clients that are in no room."""
    headline: Headline | None


def take_picture(
    all_rooms: Mapping[str, ObservedRoom],
    refused: RefusedClients,
    now: float,
    scope: Scope = ALL,
    far: Sequence[LonePeer] = (),
) -> Picture:
    """What is known of all rooms; lone peers and refused clients go to the rooms they concern.

    `far`: lone peers in rooms of other hosts, as these told last. Nothing in the picture tells of a
    room outside of `scope`.
    """
    rooms = {name: room for name, room in all_rooms.items() if scope.covers(name)}
    lone = [peer for peer in (room.lone(now) for room in rooms.values()) if peer]
    lone += [peer for peer in far if scope.covers(peer.room) and peer.room not in all_rooms]
    meetings = lone_peers.meetings(lone)
    by_room: dict[str, dict[str, Finding]] = {name: {} for name in rooms}
    elsewhere = []
    for room_name, who, finding in refused.findings(now):
        if room_name in by_room:
            by_room[room_name].setdefault(who, finding)
        elif scope.is_whole:
            elsewhere.append(finding)
    reports = [
        room.report(meetings.get(name, []), now, by_room[name]) for name, room in rooms.items()
    ]
    return Picture(reports, elsewhere, headline(reports, elsewhere))


def newest_lone(rooms: Mapping[str, ObservedRoom], now: float, most: int) -> list[LonePeer]:
    """At most `most` lone peers of this host: those in the newest rooms."""
    found = (room.lone(now) for room in reversed([*rooms.values()]))
    return list(itertools.islice((peer for peer in found if peer), most))
