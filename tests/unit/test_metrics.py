from __future__ import annotations

from signaling_server.core.events import (
    Crowded,
    Delivered,
    Expired,
    Rejected,
    Replaced,
    Resumed,
)
from signaling_server.core.messages import Signal
from signaling_server.core.metrics import Metrics


def delivered(kind: str, count: int, held: int) -> Delivered:
    return Delivered("sid", "node", "default", Signal(kind, None, 10, "{"), count, held)


def test_signals_are_counted_by_type_and_by_where_they_went() -> None:
    metrics = Metrics()
    metrics.note(delivered("offer", 2, 0), 5.0)
    metrics.note(delivered("ice-candidate", 0, 1), 6.0)
    metrics.note(delivered("ice-candidate", 1, 1), 7.0)
    assert metrics.signals == {"offer": 1, "ice-candidate": 2}
    assert (metrics.delivered, metrics.held, metrics.last_signal) == (3, 2, 7.0)


def test_refusals_are_counted_by_code_and_the_last_is_kept() -> None:
    metrics = Metrics()
    metrics.note(Rejected("", "", "", "10.0.0.2", "room-full", "2 peers already"), 1.0)
    metrics.note(Rejected("sid", "node", "default", "10.0.0.2", "too-large", "too long"), 2.0)
    assert metrics.rejections == {"room-full": 1, "too-large": 1}
    assert metrics.last_error == "too-large: too long"
    assert metrics.last_signal is None


def test_expiries_takeovers_and_returns_are_counted() -> None:
    metrics = Metrics()
    metrics.note(Expired("node", "default", 3), 1.0)
    metrics.note(Expired("node", "default", 2), 1.0)
    metrics.note(Replaced("sid", "node", "default", "10.0.0.2", "10.0.0.3"), 1.0)
    metrics.note(Resumed("sid", "node", "default", "10.0.0.2", "websocket", 4), 1.0)
    metrics.note(Crowded("default", ("a", "b", "c"), 2), 1.0)
    assert (metrics.expired, metrics.replaced, metrics.resumed) == (5, 1, 1)
