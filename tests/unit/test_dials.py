from __future__ import annotations

from signaling_server.core.insight import dials
from signaling_server.core.insight.dials import NOTHING_TRIED, Attempt


def test_tries_are_counted_from_the_first_offer_and_the_first_answer() -> None:
    attempt = dials.offered(NOTHING_TRIED, 1.0)
    attempt = dials.answered(attempt, 2.0)
    attempt = dials.offered(attempt, 11.0)
    attempt = dials.answered(attempt, 12.0)
    assert attempt == Attempt(2.0, 1.0, 11.0, 2, 2)


def test_connection_ends_the_tries_and_its_failure_begins_new_ones() -> None:
    attempt = dials.offered(NOTHING_TRIED, 1.0)
    assert dials.reported(attempt, "connecting", False, 2.0) == attempt
    assert dials.reported(attempt, "failed", False, 2.0) == attempt
    assert dials.reported(attempt, "connected", False, 3.0) == NOTHING_TRIED
    broke = dials.reported(NOTHING_TRIED, "disconnected", True, 4.0)
    assert broke == Attempt(since=4.0, failed_at=4.0)
    assert dials.reported(broke, "failed", False, 6.0) == broke
    assert dials.reported(NOTHING_TRIED, "closed", True, 4.0) == NOTHING_TRIED
