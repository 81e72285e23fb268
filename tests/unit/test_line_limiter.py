from __future__ import annotations

from signaling_server.core.reporting.line_limiter import (
    KEYS,
    LIMIT,
    LINES_BURST,
    LINES_PER_SECOND,
    OTHERS,
    SUMS,
    LineLimiter,
    Summary,
)

NODE = "streaming-node"


def flood(summing: LineLimiter, lines: int, now: float, key: str = NODE, size: int = 10) -> int:
    """How many of so many lines are to be written."""
    return sum(summing.admit(key, "ice-candidate", now, size) for _ in range(lines))


def test_every_line_up_to_the_limit_is_written():
    summing = LineLimiter()
    assert flood(summing, LIMIT, now=5.0) == LIMIT
    assert summing.next_deadline() is None
    assert summing.due(7.0) == []


def test_lines_above_the_limit_come_out_as_one_sum_when_the_second_is_over():
    summing = LineLimiter()
    assert flood(summing, LIMIT + 800, now=5.0) == LIMIT
    for _ in range(12):
        assert not summing.admit(NODE, "offer", 5.5, 1000)
    assert summing.next_deadline() == 6.0
    assert summing.due(5.9) == []
    assert summing.due(6.0) == [Summary(NODE, {"ice-candidate": 800, "offer": 12}, 20_000, 1.0)]
    assert summing.next_deadline() is None
    assert summing.due(6.0) == []


def test_window_starts_with_the_first_line_after_quiet():
    summing = LineLimiter()
    flood(summing, 1, now=5.0)
    flood(summing, LIMIT + 1, now=100.7)
    assert summing.next_deadline() == 101.7


def test_key_that_stays_loud_costs_one_line_a_second():
    summing = LineLimiter()
    flood(summing, LIMIT + 1, now=0.0)
    summing.due(1.0)
    assert flood(summing, LIMIT + 5, now=1.5) == 0
    (summary,) = summing.due(2.0)
    assert summary.counts == {"ice-candidate": LIMIT + 5}


def test_key_is_written_line_by_line_again_after_a_second_within_the_limit():
    summing = LineLimiter()
    flood(summing, LIMIT + 1, now=0.0)
    summing.due(1.0)
    assert flood(summing, LIMIT, now=1.0) == 0
    summing.due(2.0)
    assert flood(summing, LIMIT, now=2.0) == LIMIT


def test_key_is_written_line_by_line_again_after_quiet():
    summing = LineLimiter()
    flood(summing, LIMIT + 1, now=0.0)
    summing.due(1.0)
    assert flood(summing, LIMIT, now=60.0) == LIMIT


def test_one_loud_key_does_not_silence_another():
    summing = LineLimiter()
    flood(summing, 10 * LIMIT, now=0.0)
    assert flood(summing, LIMIT, now=0.5, key="gcom") == LIMIT


def test_line_that_comes_before_the_tick_loses_no_sum():
    summing = LineLimiter()
    flood(summing, LIMIT + 3, now=0.0)
    flood(summing, 1, now=4.0, key="gcom")
    deadline = summing.next_deadline()
    assert deadline is not None
    assert deadline <= 4.0
    assert summing.due(4.0) == [Summary(NODE, {"ice-candidate": 3}, 30, 4.0)]


def test_keys_beyond_the_bound_share_one():
    summing = LineLimiter()
    for number in range(KEYS):
        assert summing.admit(f"peer-{number}", "join", 0.0)
    written = sum(summing.admit(f"further-{number}", "join", 0.0) for number in range(KEYS))
    assert written == LIMIT
    assert summing.admit("peer-0", "join", 0.0)
    (summary,) = summing.due(1.0)
    assert summary.key == OTHERS
    assert summary.counts == {"join": KEYS - LIMIT}


def test_all_keys_together_stay_below_the_limit_of_journald():
    summing = LineLimiter()
    peers = [f"peer-{number}" for number in range(300)]

    def second(now: float) -> int:
        return sum(flood(summing, 10, now, peer) for peer in peers)

    assert second(0.0) == LINES_BURST
    sums = summing.due(1.0)
    assert len(sums) == SUMS + 1
    assert sum(sum(one.counts.values()) for one in sums) == 3000 - LINES_BURST
    assert second(1.0) == LINES_PER_SECOND
    assert second(2.0) == LINES_PER_SECOND


def test_loud_keys_beyond_the_bound_share_one_sum():
    summing = LineLimiter()
    for number in range(SUMS + 2):
        flood(summing, LIMIT + 1, 0.0, f"peer-{number}")
    sums = {summary.key: summary.counts for summary in summing.due(1.0)}
    assert len(sums) == SUMS + 1
    assert sums[OTHERS] == {"ice-candidate": 2}


def test_idle_keys_are_forgotten():
    summing = LineLimiter()
    for number in range(KEYS):
        summing.admit(f"peer-{number}", "join", 0.0)
    assert sum(summing.admit(f"further-{number}", "join", 1.0) for number in range(KEYS)) == KEYS


def test_sum_is_a_sentence_with_the_most_frequent_kind_first():
    summary = Summary(NODE, {"offer": 12, "ice-candidate": 800}, 402113, 1.02)
    assert summary.text("signals") == (
        "812 more signals in the last second: 800 ice-candidate, 12 offer; 402113 bytes"
    )


def test_sum_names_a_longer_time_and_omits_zero_bytes():
    summary = Summary(NODE, {"invalid-type": 3}, 0, 4.2)
    assert summary.text("rejections") == ("3 more rejections in the last 4 seconds: 3 invalid-type")
