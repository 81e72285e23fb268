"""The fleet in /metrics."""

from __future__ import annotations

from signaling_server.core.fleet.tally import Figures, Tally
from signaling_server.core.reporting.fleet_metrics import families

FIGURES = Figures(
    up=True,
    links=2,
    far=3,
    edge=4,
    resent=5,
    gaps=6,
    unacknowledged=7,
    round_trips={"c": 0.002, "b": 0.001},
)


def rows(figures: Figures, tally: Tally) -> list[str]:
    found = [row for family in families(figures, tally) for row in family.rows]
    return [row.replace("hawkeye_fleet_", "") for row in found if not row.startswith("#")]


def test_fleet_that_has_done_nothing() -> None:
    assert rows(FIGURES._replace(up=False, round_trips={}), Tally()) == [
        "up 0",
        "links 2",
        "far_connections 3",
        "edge_connections 4",
        'batches_total{direction="in"} 0',
        'batches_total{direction="out"} 0',
        "resent_total 5",
        "gaps_total 6",
        "rooms_dissolved_total 0",
        "unacked_bytes 7",
    ]


def test_what_passed_is_counted_by_direction_kind_reason_and_host() -> None:
    tally = Tally()
    tally.batches["in"], tally.dissolved = 8, 9
    tally.records["say"], tally.resets["dead"] = 10, 11
    found = rows(FIGURES, tally)
    assert {
        "up 1",
        'batches_total{direction="in"} 8',
        'records_total{kind="say"} 10',
        'link_resets_total{reason="dead"} 11',
        "rooms_dissolved_total 9",
    } < {*found}
    assert found[-2:] == [
        'round_trip_seconds{host="b"} 0.001',
        'round_trip_seconds{host="c"} 0.002',
    ]


def test_each_family_has_a_head() -> None:
    for family in families(FIGURES, Tally()):
        text, kind = [*family.rows][:2]
        assert text.startswith(f"# HELP {family.name} ")
        assert kind == f"# TYPE {family.name} {family.kind}"
        assert (family.kind == "counter") == family.name.endswith("_total")
