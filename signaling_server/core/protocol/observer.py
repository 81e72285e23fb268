"""Observers of the relay's facts: metrics, insight and log each say what they record, and how.

One table for each observer, fact type -> method. `merge` makes one table of all, so that a fact is
looked up once, and costs a call only where somebody records it: this happens for each signal.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from signaling_server.core.protocol.events import FACTS, Fact

Recorder = Callable[[Any, float], None]
"""Records a fact; the time is in seconds on a monotonic clock."""


class Observer:
    """Something that records facts of some types."""

    def __init__(self, recorders: Mapping[type, Recorder]) -> None:
        self.recorders = recorders

    def record(self, fact: Fact, now: float) -> None:
        """Record a fact, if it is of a type that matters here."""
        recorder = self.recorders.get(type(fact))
        if recorder:
            recorder(fact, now)


def merge(*observers: Observer) -> dict[type, tuple[Recorder, ...]]:
    """All that is to be called for a fact of each type, in the order of the observers."""
    tables = [observer.recorders for observer in observers]
    return {kind: tuple(table[kind] for table in tables if kind in table) for kind in FACTS}
