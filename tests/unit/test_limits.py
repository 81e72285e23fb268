from __future__ import annotations

from signaling_server.core.limits import Budget, Penalties, TokenBucket


def test_budget_gives_what_is_there_and_no_more() -> None:
    budget = Budget(10)
    assert budget.take(10)
    assert not budget.take(1)
    budget.give(4)
    assert not budget.take(5)
    assert budget.take(4)
    assert budget.used == 10


def test_refused_bytes_are_not_counted() -> None:
    budget = Budget(10)
    budget.take(11)
    assert budget.used == 0


def taken(bucket: TokenBucket, now: float) -> int:
    """How many the bucket gives at one time."""
    count = 0
    while bucket.take(now):
        count += 1
    return count


def test_bucket_gives_a_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=5.0, now=100.0)
    assert taken(bucket, 100.0) == 5
    assert taken(bucket, 100.25) == 0
    assert taken(bucket, 100.5) == 1
    assert taken(bucket, 102.0) == 3


def test_bucket_saves_no_more_than_a_burst() -> None:
    bucket = TokenBucket(rate=2.0, burst=5.0, now=0.0)
    assert taken(bucket, 1000.0) == 5


def test_failures_wait_longer_and_longer_up_to_a_bound() -> None:
    penalties = Penalties()
    waits = [penalties.failed("10.0.0.2", float(second)) for second in range(9)]
    assert waits == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert penalties.failed("10.0.0.3", 9.0) == 0.0


def test_failure_is_forgiven_after_a_minute_of_peace() -> None:
    penalties = Penalties()
    penalties.failed("10.0.0.2", 0.0)
    assert penalties.failed("10.0.0.2", 59.9) > 0
    assert penalties.failed("10.0.0.2", 119.9) == 0.0


def test_addresses_are_bounded_and_the_one_longest_ago_is_forgotten() -> None:
    penalties = Penalties()
    penalties.failed("first", 0.0)
    for number in range(Penalties.ADDRESSES - 1):
        penalties.failed(str(number), 1.0)
    assert penalties.failed("first", 2.0) > 0
    penalties.failed("one more", 3.0)
    assert penalties.failed("0", 4.0) == 0.0
    assert penalties.failed("first", 5.0) > 0
