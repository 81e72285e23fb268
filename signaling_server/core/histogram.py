"""A histogram as Prometheus wants it: insight fills one, /metrics shows it.

https://prometheus.io/docs/concepts/metric_types/#histogram
"""

from __future__ import annotations

from typing import Sequence


class Histogram:
    """How many of the observed values were up to each of `bounds`, which ascend."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * len(bounds)
        """Cumulative."""
        self.count = 0
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.count += 1
        self.sum += value
        for place, bound in enumerate(self.bounds):
            self.counts[place] += value <= bound
