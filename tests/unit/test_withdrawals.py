from __future__ import annotations

from signaling_server.core.fleet.withdrawals import Withdrawals


def test_what_is_withdrawn_is_told_for_as_long_as_something_of_it_may_be_there() -> None:
    withdrawals = Withdrawals(lambda: 30.0)
    assert withdrawals.recent(0.0) == ()
    withdrawals.update(["old"], [], 0.0)
    withdrawals.update(["new"], [], 20.0)
    assert withdrawals.recent(30.0) == ("old", "new")
    assert withdrawals.recent(30.1) == ("new",)


def test_what_is_withdrawn_again_counts_from_then() -> None:
    withdrawals = Withdrawals(lambda: 30.0)
    for now in (0.0, 20.0):
        withdrawals.update(["one"], [], now)
    assert withdrawals.recent(50.0) == ("one",)


def test_what_is_valid_again_is_not_withdrawn_any_longer() -> None:
    withdrawals = Withdrawals(lambda: 30.0)
    withdrawals.update(["one", "other"], [], 0.0)
    withdrawals.update([], ["one", "never withdrawn"], 1.0)
    assert withdrawals.recent(1.0) == ("other",)


def test_limit_is_that_of_the_configuration_of_now() -> None:
    limits = [30.0]
    withdrawals = Withdrawals(lambda: limits[0])
    withdrawals.update(["one"], [], 0.0)
    limits[0] = 5.0
    assert withdrawals.recent(6.0) == ()
