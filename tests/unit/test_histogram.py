from __future__ import annotations

from signaling_server.core.histogram import Histogram


def test_value_counts_in_its_bucket_and_in_all_above() -> None:
    histogram = Histogram((0.5, 1.0, 5.0))
    for value in (0.5, 0.75, 60.0):
        histogram.observe(value)
    assert histogram.counts == [1, 2, 2]
    assert (histogram.count, histogram.sum) == (3, 61.25)
