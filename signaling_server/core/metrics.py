"""Counters of what the relay did."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf

from signaling_server.core.events import Delivered, Expired, Fact, Rejected, Replaced, Resumed


class Metrics:
    """Counts facts. `last_signal` is when the last signal passed, on the clock of `note`."""

    def __init__(self) -> None:
        self.signals: CounterOf[str] = Counter()
        """Accepted signals by type."""
        self.rejections: CounterOf[str] = Counter()
        """Refusals by error code."""
        self.delivered = 0
        self.held = 0
        self.expired = 0
        self.replaced = 0
        self.resumed = 0
        self.last_signal: float | None = None
        self.last_error = ""

    def note(self, fact: Fact, now: float) -> None:
        """Count a fact."""
        if isinstance(fact, Delivered):
            self.signals[fact.signal.type] += 1
            self.delivered += fact.delivered
            self.held += fact.held
            self.last_signal = now
        elif isinstance(fact, Rejected):
            self.rejections[fact.code] += 1
            self.last_error = f"{fact.code}: {fact.message}"
        elif isinstance(fact, Expired):
            self.expired += fact.signals
        elif isinstance(fact, Replaced):
            self.replaced += 1
        elif isinstance(fact, Resumed):
            self.resumed += 1
