"""When a server is silent, and when it is asked."""

from __future__ import annotations

from signaling_server.core.ice.question import Answer
from signaling_server.core.ice.verdict import Said, Watched

YES = Said(Answer(0.01), addresses=("10.0.0.1",))
NO = Said(None, "no answer within 5 s")
INTERVAL = 60.0


def fail(watched: Watched, at: float) -> bool:
    """It is asked at `at` and has not answered 5 s later."""
    return watched.heard(NO, at, at + 5, INTERVAL)


def test_server_is_unknown_at_first_and_asked_at_once() -> None:
    watched = Watched(7.0)
    assert (watched.state, watched.since, watched.due) == ("unknown", 7.0, 7.0)


def test_server_that_answers_is_asked_again_after_the_interval() -> None:
    watched = Watched(0.0)
    assert watched.heard(YES, 1.0, 1.5, INTERVAL)
    assert (watched.state, watched.since, watched.due) == ("answers", 1.5, 61.0)
    assert watched.addresses == ("10.0.0.1",)
    assert not watched.heard(YES, 61.0, 61.5, INTERVAL)
    assert watched.since == 1.5


def test_three_failures_over_30_seconds_are_silence() -> None:
    watched = Watched(0.0)
    for at in (0.0, 15.0):
        assert not fail(watched, at)
        assert (watched.state, watched.due) == ("unknown", at + 15)
    assert fail(watched, 30.0)
    assert (watched.state, watched.since) == ("silent", 5.0)


def test_first_failure_that_is_noticed_late_delays_the_verdict_by_no_question() -> None:
    watched = Watched(0.0)
    for waited in (5.4, 5.0, 5.0):
        watched.heard(NO, watched.due, watched.due + waited, INTERVAL)
    assert watched.state == "silent"


def test_many_failures_in_a_short_time_are_no_silence() -> None:
    watched = Watched(0.0)
    for at in (0.0, 5.0, 10.0, 15.0, 20.0, 29.9):
        assert not fail(watched, at)
    assert watched.state == "unknown"
    assert fail(watched, 30.0)


def test_two_failures_are_no_silence_however_far_apart() -> None:
    watched = Watched(0.0)
    assert not fail(watched, 0.0)
    assert not fail(watched, 100.0)
    assert watched.state == "unknown"


def test_an_answer_in_between_begins_the_count_anew() -> None:
    watched = Watched(0.0)
    fail(watched, 0.0)
    fail(watched, 15.0)
    watched.heard(YES, 30.0, 30.1, INTERVAL)
    assert (watched.state, watched.due) == ("answers", 90.0)
    assert not fail(watched, 90.0)
    assert (watched.state, watched.due) == ("answers", 105.0)
    assert not fail(watched, 105.0)
    assert fail(watched, 120.0)
    assert (watched.state, watched.since) == ("silent", 95.0)


def test_silent_server_is_asked_every_5_seconds_and_is_back_with_one_answer() -> None:
    watched = Watched(0.0)
    for at in (0.0, 15.0, 30.0, 35.0):
        fail(watched, at)
    assert watched.due == 40.0
    assert watched.heard(YES, 40.0, 40.1, INTERVAL)
    assert (watched.state, watched.due) == ("answers", 100.0)


def test_question_that_could_not_be_asked_says_nothing() -> None:
    watched = Watched(0.0)
    unasked = Said(None, "Too many open files", unasked=True)
    for at in (0.0, 60.0, 120.0, 180.0):
        assert not watched.heard(unasked, at, at, INTERVAL)
        assert (watched.state, watched.due) == ("unknown", at + INTERVAL)
    watched.heard(YES, 240.0, 240.0, INTERVAL)
    watched.heard(unasked, 300.0, 300.0, INTERVAL)
    assert (watched.state, watched.addresses) == ("answers", ("10.0.0.1",))


def test_short_interval_holds_for_doubt_too() -> None:
    watched = Watched(0.0)
    watched.heard(NO, 0.0, 0.0, 10.0)
    assert watched.due == 10.0
