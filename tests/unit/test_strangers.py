from __future__ import annotations

import time

from signaling_server.core.protocol.strangers import GRACE, Strangers

LATER = 100.0 + GRACE


def pool(limit: int, *callers: tuple[str, str], spoken: str = "") -> Strangers:
    """Each caller (key, address) came at 100; those whose key is in `spoken` have spoken."""
    strangers = Strangers(limit)
    for key, address in callers:
        strangers.add(key, address, 100.0)
        if key in spoken:
            strangers.progress(key)
    return strangers


def test_nobody_goes_while_there_is_room() -> None:
    strangers = pool(2, ("a", "10.0.0.1"), ("b", "10.0.0.1"))
    assert strangers.evict(LATER) is None
    assert len(strangers) == 2


def test_oldest_silent_caller_goes_first() -> None:
    callers = [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.1"), ("d", "10.0.0.1")]
    strangers = pool(2, *callers, spoken="a")
    assert strangers.evict(LATER) == "b"
    assert strangers.evict(LATER) == "c"
    assert strangers.evict(LATER) is None
    assert "d" in strangers


def test_then_goes_the_oldest_of_the_address_that_holds_most() -> None:
    callers = [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.2"), ("d", "10.0.0.3")]
    strangers = pool(1, *callers, spoken="abcd")
    assert strangers.evict(LATER) == "b"
    assert strangers.evict(LATER) == "a", "all hold one: that of the longest"
    assert strangers.evict(LATER) == "d"
    assert "c" in strangers


def test_newcomer_has_a_moment_to_speak() -> None:
    strangers = pool(2, ("a", "10.0.0.1"), ("b", "10.0.0.1"), spoken="ab")
    strangers.add("new", "10.0.0.1", 200.0)
    assert strangers.evict(200.0 + GRACE / 2) == "a"
    strangers.add("newer", "10.0.0.1", 200.0 + GRACE)
    assert strangers.evict(200.0 + GRACE) == "new"


def test_who_left_or_was_evicted_is_forgotten() -> None:
    strangers = pool(1, ("a", "10.0.0.1"), ("b", "10.0.0.1"))
    assert strangers.evict(LATER) == "a"
    for key in ("a", "nobody", "b", "b"):
        strangers.progress(key)
        strangers.leave(key)
    assert len(strangers) == 0
    assert strangers.evict(LATER) is None
    strangers.add("c", "10.0.0.2", LATER)
    assert "c" in strangers


def test_key_that_comes_again_starts_anew() -> None:
    strangers = pool(1, ("a", "10.0.0.1"), ("b", "10.0.0.1"), spoken="a")
    strangers.add("a", "10.0.0.9", LATER)
    assert len(strangers) == 2
    assert strangers.evict(LATER + GRACE) == "b"


def test_limit_of_zero_lets_nobody_stay() -> None:
    strangers = pool(0, ("a", "10.0.0.1"))
    assert strangers.evict(100.0) == "a"


def test_flood_from_one_address_leaves_newcomers_their_time() -> None:
    """3,000 strangers a second that each speak, and one client of the same and one of another."""
    strangers = Strangers(2048)
    evicted = {}
    for number in range(9000):
        now = number / 3000
        strangers.add(number, "10.6.6.6", now)
        if number % 2:
            strangers.progress(number)
        if number == 6000:
            strangers.add("same", "10.6.6.6", now)
            strangers.add("other", "10.0.0.1", now)
            strangers.progress("other")
        if number == 6000 + 3000 * 0.1:
            strangers.progress("same")
        gone = strangers.evict(now)
        while gone is not None:
            evicted[gone] = now
            gone = strangers.evict(now)
    assert "other" not in evicted
    assert evicted.get("same", 9.0) - 2.0 > 0.6
    assert len(strangers) == 2048


def test_flood_costs_little() -> None:
    strangers = Strangers(2048)
    started = time.process_time()
    for number in range(30_000):
        strangers.add(number, f"10.0.{number % 7}.{number % 250}", number / 3000)
        if number % 3:
            strangers.progress(number)
        strangers.evict(number / 3000)
    assert time.process_time() - started < 1.5, "ten seconds of 3,000 a second"
