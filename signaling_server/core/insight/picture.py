"""All rooms at one moment, and the worst that is wrong in any of them."""

from __future__ import annotations

from typing import Mapping, NamedTuple

from signaling_server.core.insight import lone_peers
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.headline import Headline, headline
from signaling_server.core.insight.observed import ObservedRoom
from signaling_server.core.insight.refused_clients import RefusedClients
from signaling_server.core.insight.reports import RoomReport
from signaling_server.core.protocol.scope import ALL, Scope


class Picture(NamedTuple):
    """All rooms as they are, and what is wrong."""

    rooms: list[RoomReport]
    elsewhere: list[Finding]
    """Of clients that are in no room."""
    headline: Headline | None


def take_picture(
    all_rooms: Mapping[str, ObservedRoom], refused: RefusedClients, now: float, scope: Scope = ALL
) -> Picture:
    """What is known of all rooms; lone peers and refused clients go to the rooms they concern.

    Nothing in it tells of a room outside of `scope`.
    """
    rooms = {name: room for name, room in all_rooms.items() if scope.covers(name)}
    lone = [peer for peer in (room.lone(now) for room in rooms.values()) if peer]
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
