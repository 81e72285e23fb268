from __future__ import annotations

import sys

import pytest

from signaling_server.core.protocol.limits import (
    OVERHEAD,
    Budget,
    Penalties,
    TokenBucket,
    memory_of,
    packet_cost,
)


@pytest.mark.parametrize("text", ["", "x" * 1000, "é" * 1000, "日" * 1000, "x" * 999 + "🚁"])
def test_memory_of_a_text_is_that_of_its_characters(text: str) -> None:
    widest = max((1 if ord(c) < 256 else 2 if ord(c) < 65536 else 4 for c in text), default=0)
    assert 0 <= memory_of(text) - widest * len(text) < sys.getsizeof("")


def test_packet_costs_its_text_and_what_is_around_it() -> None:
    assert packet_cost("abc") == OVERHEAD + 3


def test_budget_gives_what_is_there_and_no_more() -> None:
    budget = Budget(10)
    assert budget.reserve(10)
    assert not budget.reserve(1)
    budget.release(4)
    assert not budget.reserve(5)
    assert budget.reserve(4)
    assert budget.used == 10


def test_refused_bytes_are_not_counted() -> None:
    budget = Budget(10)
    budget.reserve(11)
    assert budget.used == 0


def test_short_memory_is_told_to_who_has_more_than_his_share() -> None:
    budget = Budget(10, share=3)
    budget.charge(10)
    assert not budget.exceeded_by(4)
    budget.charge(1)
    assert budget.exceeded_by(4)
    assert not budget.exceeded_by(3)


def test_burst_is_allowed_at_once_and_the_rate_from_then_on() -> None:
    bucket = TokenBucket(rate=2.0, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.4)
    assert bucket.take(100.5)
    assert not bucket.take(100.9)
    assert bucket.take(101.0)


def test_pause_earns_no_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=2.0, burst=3, now=0.0)
    assert [bucket.take(1e9) for _ in range(4)] == [True, True, True, False]


def test_first_failure_is_answered_at_once_and_each_next_one_later() -> None:
    penalties = Penalties()
    waits = [penalties.failed("10.0.0.1", float(at)) for at in range(10)]
    assert waits[:4] == [0.0, 0.2, 0.4, 0.8]
    assert waits == sorted(waits)
    assert waits[-1] == Penalties.LONGEST


def test_failure_is_forgiven_after_a_while() -> None:
    penalties = Penalties()
    penalties.failed("10.0.0.1", 0.0)
    assert penalties.failed("10.0.0.1", 59.0) > 0
    assert penalties.failed("10.0.0.1", 59.0 + Penalties.FORGIVEN) == 0


def test_addresses_do_not_pay_for_each_other_and_the_oldest_is_forgotten() -> None:
    penalties = Penalties()
    penalties.failed("10.0.0.1", 0.0)
    for number in range(Penalties.ADDRESSES - 1):
        assert penalties.failed(f"client-{number}", 0.0) == 0
    assert penalties.failed("10.0.0.1", 1.0) > 0, "it is the youngest now"
    for number in range(Penalties.ADDRESSES):
        penalties.failed(f"other-{number}", 1.0)
    assert penalties.failed("10.0.0.1", 1.0) == 0
