"""The fleet in /metrics."""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.fleet.tally import Figures, Tally
from signaling_server.core.reporting.metrics import Family

DIRECTIONS = "in", "out"


def families(figures: Figures, tally: Tally) -> list[Family]:
    """What a host of a fleet adds to the metrics."""
    return [
        _one("up", "gauge", "Whether Redis answers.", int(figures.up)),
        _one("links", "gauge", "Other hosts with which rooms are shared.", figures.links),
        _one("far_connections", "gauge", "Clients of other hosts in rooms of this.", figures.far),
        _one("edge_connections", "gauge", "Clients here in rooms of other hosts.", figures.edge),
        _by(
            "batches_total",
            "direction",
            "Messages between hosts.",
            {direction: tally.batches[direction] for direction in DIRECTIONS},
        ),
        _by("records_total", "kind", "What other hosts have said.", tally.records),
        _one("resent_total", "counter", "Messages, each time one was sent again.", figures.resent),
        _one("gaps_total", "counter", "Messages that came before an earlier one.", figures.gaps),
        _by("link_resets_total", "reason", "Ends of links between hosts.", tally.resets),
        _one(
            "rooms_dissolved_total",
            "counter",
            "Rooms that were given up: another host serves them.",
            tally.dissolved,
        ),
        _one(
            "unacked_bytes",
            "gauge",
            "Bytes for other hosts that wait or are not acknowledged.",
            figures.unacknowledged,
        ),
        Family(
            "hawkeye_fleet_round_trip_seconds",
            "gauge",
            "To another host and back, by Redis.",
            [({"host": host}, seconds) for host, seconds in sorted(figures.round_trips.items())],
        ),
    ]


def _one(name: str, kind: str, text: str, value: float) -> Family:
    return Family(f"hawkeye_fleet_{name}", kind, text, [({}, value)])


def _by(name: str, label: str, text: str, values: Mapping[str, int]) -> Family:
    samples = [({label: key}, values[key]) for key in sorted(values)]
    return Family(f"hawkeye_fleet_{name}", "counter", text, samples)
