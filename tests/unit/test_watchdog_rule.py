"""When the server is well, by what its checks found."""

from __future__ import annotations

import pytest

from signaling_server.core.watchdog_rule import (
    LATE_SECONDS,
    TRUSTED_SECONDS,
    Check,
    Listening,
    Outcome,
    Verdict,
)

IDLE = Listening(open=True, waiting=0, accepted=0)


def check(outcome: Outcome, listening: Listening = IDLE) -> Check:
    return Check(outcome, "", listening)


def not_tried(waiting: int = 0, accepted: int = 0, *, listens: bool = True) -> Check:
    return check(Outcome.NOT_TRIED, Listening(listens, waiting, accepted))


def test_server_is_not_well_before_anything_vouches() -> None:
    assert not Verdict().is_well(0)


def test_answer_vouches_for_eight_seconds_however_late_the_loop_is() -> None:
    verdict = Verdict()
    assert verdict.vouches(check(Outcome.ANSWERED), late=60, now=100)
    assert verdict.is_well(100 + TRUSTED_SECONDS - 0.1)
    assert not verdict.is_well(100 + TRUSTED_SECONDS)


def test_failure_takes_nothing_back_and_adds_nothing() -> None:
    verdict = Verdict()
    verdict.vouches(check(Outcome.ANSWERED), late=0, now=100)
    assert not verdict.vouches(check(Outcome.FAILED), late=0, now=103)
    assert verdict.is_well(107)
    assert not verdict.is_well(108)


def test_loop_on_time_and_an_idle_socket_vouch_where_no_address_can_be_tried() -> None:
    verdict = Verdict()
    assert verdict.vouches(not_tried(), late=0, now=100)
    assert verdict.vouches(not_tried(), late=LATE_SECONDS, now=105)
    assert verdict.is_well(112)


def test_late_loop_does_not_vouch_where_no_address_can_be_tried() -> None:
    assert not Verdict().vouches(not_tried(), late=LATE_SECONDS + 0.1, now=100)


@pytest.mark.parametrize("first", [True, False], ids=["at once", "later"])
def test_socket_that_no_longer_listens_does_not_vouch(first: bool) -> None:
    verdict = Verdict()
    if not first:
        verdict.vouches(not_tried(), late=0, now=97)
    assert not verdict.vouches(not_tried(listens=False), late=0, now=100)


def test_callers_that_wait_after_a_restart_are_given_time() -> None:
    assert Verdict().vouches(not_tried(waiting=9), late=0, now=100)


@pytest.mark.parametrize(
    ("before", "now", "vouches"),
    [
        (not_tried(2, 5), not_tried(2, 5), False),
        (not_tried(2, 5), not_tried(7, 5), False),
        (not_tried(2, 5), not_tried(2, 6), True),
        (not_tried(0, 5), not_tried(2, 5), True),
        (not_tried(2, 5), not_tried(0, 5), True),
    ],
    ids=["stuck", "stuck, and more come", "moves", "has just begun", "gave up"],
)
def test_queue_of_callers_that_does_not_move_does_not_vouch(
    before: Check, now: Check, vouches: bool
) -> None:
    verdict = Verdict()
    verdict.vouches(before, late=0, now=97)
    assert verdict.vouches(now, late=0, now=100) is vouches
