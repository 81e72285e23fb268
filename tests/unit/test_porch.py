"""The porch: who is let in next."""

from __future__ import annotations

import pytest

from signaling_server.core.protocol.porch import (
    FLOOD_SECONDS,
    LONGEST_PAUSE,
    PATIENCE,
    PAUSE,
    Porch,
)


def full(*callers: str) -> Porch[str]:
    """A porch on which callers wait, each named after its address and its number, at 100 s."""
    porch: Porch[str] = Porch()
    for caller in callers:
        porch.add(caller[0], caller, 100.0)
    return porch


def taken(porch: Porch[str], now: float) -> list[str]:
    """All that may be let in now."""
    callers = []
    while (caller := porch.take(now)) is not None:
        callers.append(caller)
    return callers


def test_addresses_take_turns_and_callers_of_one_keep_their_order() -> None:
    porch = full("a1", "a2", "a3", "b1", "c1")
    assert porch.wait(100.0) == 0.0
    assert taken(porch, 100.0) == ["a1", "b1", "c1", "a2", "a3"]
    assert porch.wait(100.0) is None


def test_caller_that_has_gone_is_not_taken() -> None:
    porch = full("a1", "a2", "b1")
    for gone in ("a1", "b1", "b1"):
        porch.remove(gone[0], gone)
    assert taken(porch, 100.0) == ["a2"]


def test_address_that_floods_is_paced_newest_first_and_nobody_waits_for_it() -> None:
    porch = full("a1", "a2", "b1")
    porch.flooded("a", 100.0)
    porch.add("a", "a3", 100.0)
    assert taken(porch, 100.0) == ["b1", "a3"]
    assert porch.wait(100.0) == pytest.approx(PAUSE)
    assert taken(porch, 100.0 + PAUSE / 2) == []
    porch.add("c", "c1", 100.0)
    assert taken(porch, 100.0 + PAUSE / 2) == ["c1"]
    assert taken(porch, 100.0 + PAUSE) == ["a2"]
    porch.remove("a", "a1")
    assert porch.wait(100.0 + PAUSE) is None


def test_all_paced_addresses_share_one_pace_in_turn() -> None:
    porch = full("a1", "a2", "b1", "b2")
    for address in "ab":
        porch.flooded(address, 100.0)
    order = [taken(porch, 100.0 + number) for number in range(4)]
    assert [caller for callers in order for caller in callers] == ["a2", "b2", "a1", "b1"]


def test_pause_grows_with_the_delay_of_the_loop() -> None:
    porch = full("a1", "a2", "a3", "a4")
    porch.flooded("a", 100.0)
    assert porch.take(100.0) == "a4"
    late = 100.0 + PAUSE + 0.01
    assert porch.take(late) == "a3"
    assert porch.wait(late) == pytest.approx(PAUSE + PATIENCE * 0.01)
    assert porch.take(late + 9.0) == "a2"
    assert porch.wait(late + 9.0) == pytest.approx(LONGEST_PAUSE)


def test_time_without_paced_callers_is_no_delay() -> None:
    porch = full()
    porch.flooded("a", 100.0)
    assert porch.add("a", "a1", 101.0)
    assert porch.take(101.0) == "a1"
    porch.add("a", "a2", 101.001)  # the pause after the last one still runs
    assert porch.take(101.001) is None
    assert porch.wait(101.001) == pytest.approx(PAUSE - 0.001)


def test_address_is_prompt_again_a_while_after_its_last_eviction() -> None:
    porch = full()
    porch.flooded("a", 100.0)
    porch.flooded("b", 101.0)
    porch.flooded("a", 101.0)
    later = 101.0 + FLOOD_SECONDS
    for number in range(3):
        assert not porch.add("a", f"a{number}", later)
    assert taken(porch, later) == ["a0", "a1", "a2"]
    porch.flooded("c", later)
    assert list(porch._floods) == ["c"]  # nothing is left of the others


def test_at_a_stop_everybody_is_taken() -> None:
    porch = full("a1", "a2", "b1")
    porch.flooded("a", 100.0)
    assert [porch.take_any() for _ in range(4)] == ["b1", "a2", "a1", None]
