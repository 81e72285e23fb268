from __future__ import annotations

from typing import Any

from signaling_server.core.histogram import Histogram
from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    PeerReplaced,
    PeerResumed,
    Refused,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.reporting.metrics import Family, Metrics, Readings, render

READINGS = Readings(
    peers=2,
    rooms=1,
    queue_high_water=7,
    tasks=7,
    loop_lag=0.0015,
    memory=30_000_000,
    cpu=1.25,
    build={"version": "0.1.0", "python": "3.11.2"},
)


def delivered(kind: str, count: int, held: int) -> SignalAccepted:
    return SignalAccepted("sid", "node", "default", Signal(kind, None, 10, "{"), count, held)


def test_signals_are_counted_by_type_and_outcome() -> None:
    metrics = Metrics()
    metrics.record(delivered("offer", 2, 0), 5.0)
    metrics.record(delivered("ice-candidate", 0, 1), 6.0)
    metrics.record(delivered("ice-candidate", 1, 1), 7.0)
    assert metrics.signals == {"offer": 1, "ice-candidate": 2}
    assert (metrics.delivered, metrics.held, metrics.last_signal) == (3, 2, 7.0)


def test_rejections_are_counted_by_code_and_the_last_is_kept() -> None:
    metrics = Metrics()
    metrics.record(Rejected("", "", "", "10.0.0.2", "room-full", "2 peers already"), 1.0)
    metrics.record(Rejected("sid", "node", "default", "10.0.0.2", "too-large", "too long"), 2.0)
    assert metrics.rejections == {"room-full": 1, "too-large": 1}
    assert metrics.last_error == "too-large: too long"
    assert metrics.last_signal is None


def test_expiries_takeovers_and_returns_are_counted() -> None:
    metrics = Metrics()
    metrics.record(HeldSignalsExpired("node", "default", 3), 1.0)
    metrics.record(HeldSignalsReplaced("node", "default", 2, "a newer offer replaced them"), 1.0)
    metrics.record(PeerReplaced("sid", "node", "default", "10.0.0.2", "10.0.0.3"), 1.0)
    metrics.record(PeerResumed("sid", "node", "default", "10.0.0.2", "websocket", 4), 1.0)
    metrics.record(RoomOverfull("default", ("a", "b", "c"), 2), 1.0)
    assert (metrics.expired, metrics.replaced, metrics.resumed) == (5, 1, 1)


# --- /metrics -------------------------------------------------------------------------------------


def page(*facts: Fact, handshakes: Histogram | None = None, **readings: Any) -> list[str]:
    metrics = Metrics()
    for fact in facts:
        metrics.record(fact, 0.0)
    now = READINGS._replace(**readings)
    text = render(metrics, handshakes or Histogram(()), Histogram((5.0,)), now)
    assert text.endswith("\n")
    return text.splitlines()


def values(*facts: Fact, **more: Any) -> dict[str, str]:
    rows = [row for row in page(*facts, **more) if not row.startswith("#")]
    return {row.rpartition(" ")[0]: row.rpartition(" ")[2] for row in rows}


def test_signals_are_shown_by_type_with_their_bytes_and_copies() -> None:
    found = values(delivered("offer", 2, 1), delivered("answer", 1, 0))
    assert found['hawkeye_signals_total{type="offer"}'] == "1"
    assert found['hawkeye_signals_total{type="answer"}'] == "1"
    assert found['hawkeye_signals_total{type="ice-candidate"}'] == "0"
    assert found["hawkeye_signal_bytes_total"] == "20"
    assert found["hawkeye_delivered_total"] == "3"
    assert found["hawkeye_held_total"] == "1"


def test_rejections_are_shown_by_code_and_other_facts_by_name() -> None:
    found = values(
        Rejected("", "", "", "", "too-large", ""),
        HeldSignalsExpired("gcom", "default", 4),
        PeerReplaced("s", "gcom", "default", "a", "b"),
        PeerResumed("s", "gcom", "default", "a", "websocket", 9),
    )
    assert found['hawkeye_rejected_total{code="too-large"}'] == "1"
    assert found["hawkeye_expired_total"] == "4"
    assert found["hawkeye_takeovers_total"] == "1"
    assert found["hawkeye_resumes_total"] == "1"


def test_ends_of_connections_are_shown_by_reason() -> None:
    end = Disconnected("sid", "node", "default", "10.0.0.2", "slow-consumer", 3.0, 1, 2)
    found = values(end, end, end._replace(reason="goodbye"))
    assert found['hawkeye_disconnected_total{reason="slow-consumer"}'] == "2"
    assert found['hawkeye_disconnected_total{reason="goodbye"}'] == "1"


def test_readings_are_shown_as_they_were_handed_in() -> None:
    found = values()
    assert found["hawkeye_peers"] == "2"
    assert found["hawkeye_rooms"] == "1"
    assert found["hawkeye_queue_high_water"] == "7"
    assert found["hawkeye_tasks"] == "7"
    assert found["hawkeye_event_loop_lag_seconds"] == "0.0015"
    assert found["process_resident_memory_bytes"] == "30000000"
    assert found["process_cpu_seconds_total"] == "1.25"
    assert found['hawkeye_build_info{version="0.1.0",python="3.11.2"}'] == "1"


def test_handshake_counts_in_its_bucket_and_all_above() -> None:
    handshakes = Histogram((0.5, 1.0, 5.0))
    for seconds in (0.5, 0.75, 60.0):
        handshakes.observe(seconds)
    rows = [row for row in page(handshakes=handshakes) if "handshake" in row]
    assert rows == [
        "# HELP hawkeye_handshake_seconds From both being here to the first answer.",
        "# TYPE hawkeye_handshake_seconds histogram",
        'hawkeye_handshake_seconds_bucket{le="0.5"} 1',
        'hawkeye_handshake_seconds_bucket{le="1.0"} 2',
        'hawkeye_handshake_seconds_bucket{le="5.0"} 2',
        'hawkeye_handshake_seconds_bucket{le="+Inf"} 3',
        "hawkeye_handshake_seconds_sum 61.25",
        "hawkeye_handshake_seconds_count 3",
    ]


def test_every_metric_has_its_help_and_type_once_before_its_values() -> None:
    seen: list[str] = []
    for row in page():
        words = row.split()
        if words[:2] == ["#", "HELP"]:
            assert words[2] not in seen
            assert len(words) > 3
            seen.append(words[2])
        elif words[:2] == ["#", "TYPE"]:
            assert words[2] == seen[-1]
            assert words[3] in ("counter", "gauge", "histogram")
        else:
            assert row.startswith(seen[-1])
    assert len(seen) == 20


def test_labels_are_escaped() -> None:
    found = values(build={"version": 'a"b\\c\nd'})
    assert found['hawkeye_build_info{version="a\\"b\\\\c\\nd"}'] == "1"


def test_refused_callers_are_counted_by_code_from_zero() -> None:
    metrics = Metrics()
    metrics.record(Refused("10.0.0.2", "old-client"), 1.0)
    assert metrics.last_error == "old-client: Socket.IO client 1.x or 2.x (EIO=3)"
    rows = render(metrics, Histogram((1.0,)), Histogram((5.0,)), READINGS).splitlines()
    assert 'hawkeye_refused_total{code="old-client"} 1' in rows
    assert 'hawkeye_refused_total{code="jsonp"} 0' in rows


def test_parts_of_the_server_add_metrics_at_the_end() -> None:
    more = [
        Family("hawkeye_x", "gauge", "Some.", [({}, 3)]),
        Family("hawkeye_y_total", "counter", "More.", [({"a": "b"}, 4)]),
    ]
    page = render(Metrics(), Histogram((1.0,)), Histogram((1.0,)), READINGS, more)
    assert page.splitlines()[-6:] == [
        "# HELP hawkeye_x Some.",
        "# TYPE hawkeye_x gauge",
        "hawkeye_x 3",
        "# HELP hawkeye_y_total More.",
        "# TYPE hawkeye_y_total counter",
        'hawkeye_y_total{a="b"} 4',
    ]
