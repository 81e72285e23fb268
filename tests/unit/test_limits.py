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


def test_packet_costs_its_memory_or_its_size_on_the_wire() -> None:
    assert packet_cost("x" * 10) == OVERHEAD + memory_of("x" * 10)
    assert packet_cost("é" * 1000, 2000) == OVERHEAD + 2000
    assert packet_cost("🚁" * 1000, 2000) == OVERHEAD + memory_of("🚁" * 1000)


def test_budget_reserves_what_is_free_and_no_more() -> None:
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


def test_short_memory_hits_only_those_above_their_share() -> None:
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


HOME = "10.0.0.1"


def test_turns_of_an_address_come_ever_later() -> None:
    penalties, now, turns = Penalties(), 0.0, []
    for _ in range(10):
        wait = penalties.failed(HOME, now)
        if wait > penalties.PATIENCE:
            now += wait
            wait = penalties.failed(HOME, now)
        turns.append(now + wait)
        now += wait
    gaps = [later - earlier for earlier, later in zip(turns, turns[1:])]
    assert gaps == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5])


def test_connections_of_an_address_share_its_turns() -> None:
    penalties = Penalties()
    waits = [penalties.failed(HOME, 0.0) for _ in range(100)]
    assert waits[:3] == pytest.approx([0.0, 0.2, 0.6])
    assert waits[3:] == pytest.approx([1.4] * 97), "no more than three have a verdict"
    assert penalties.failed("10.0.0.2", 0.0) == 0


def test_failure_is_forgiven_after_a_while() -> None:
    penalties = Penalties()
    for _ in range(4):
        penalties.failed(HOME, 0.0)
    assert penalties.failed(HOME, Penalties.FORGIVEN) == 0
    assert penalties.failed(HOME, Penalties.FORGIVEN) == pytest.approx(0.2)


def test_addresses_are_delayed_separately_and_the_oldest_is_forgotten() -> None:
    penalties = Penalties()
    penalties.failed(HOME, 0.0)
    for number in range(Penalties.ADDRESSES - 1):
        assert penalties.failed(f"client-{number}", 0.0) == 0
    assert penalties.failed(HOME, 0.1) > 0, "it is the youngest now"
    for number in range(Penalties.ADDRESSES):
        penalties.failed(f"other-{number}", 1.0)
    assert penalties.failed(HOME, 0.2) == 0
