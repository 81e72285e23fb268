"""The fleet as one host sees it, for the status."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

from signaling_server.core.fleet.host_record import HostRecord
from signaling_server.core.fleet.state import FleetState, HostState, RoomElsewhere
from signaling_server.fleet.links import Links


class Known(NamedTuple):
    """Another host of which Redis has a record, since when."""

    record: HostRecord
    since: float


def view(
    instance: str,
    own: HostRecord,
    known: Mapping[str, Known],
    links: Links,
    *,
    together: bool,
    since: float,
    lost_because: str,
    lost_at: float,
    warnings: Sequence[str],
    signed: bool,
    met: bool,
    now: float,
) -> FleetState:
    """What is known at a moment, `now` of the clock of the loop, which all times are of."""
    others = sorted(known.items(), key=lambda item: item[1].record.name)
    return FleetState(
        own.name,
        instance,
        together,
        now - since,
        lost_because,
        now - lost_at if lost_because else 0.0,
        [_this(instance, own, now - since), *(_host(links, *each, now) for each in others)],
        _elsewhere(links),
        warnings,
        signed,
        met,
    )


def _this(instance: str, record: HostRecord, seconds: float) -> HostState:
    about = record.name, instance, record.url, record.version, record.rooms, record.peers
    return HostState(*about, seconds, 0.0, None, linked=True)


def _host(links: Links, host: str, known: Known, now: float) -> HostState:
    link, record = links.links.get(host), known.record
    silent = now - (link.heard_at if link else known.since)
    round_trip, linked = (link.round_trip, link.up) if link else (None, False)
    about = record.name, host, record.url, record.version, record.rooms, record.peers
    return HostState(*about, now - known.since, silent, round_trip, linked, record.lone)


def _elsewhere(links: Links) -> list[RoomElsewhere]:
    return [
        RoomElsewhere(room, host, clients)
        for host, door in sorted(links.doors.items())
        for room, clients in sorted(door.clients().items())
    ]
