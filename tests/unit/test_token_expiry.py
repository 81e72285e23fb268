from __future__ import annotations

import pytest

from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.token_expiry import CALM, WallClock, expiring, warning

NODE, GCOM, OTHER = (Grant(name, "", name) for name in ("node", "gcom", "other"))


def test_token_that_expires_within_a_day_or_has_expired_is_said_to() -> None:
    left = {NODE: 86400.0, GCOM: 86401.0, OTHER: None}
    assert expiring(left) == {NODE: 86400.0}
    assert expiring({NODE: -5.0}) == {NODE: -5.0}


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (7300.0, "the token of node expires in 2 hours"),
        (3600.0, "the token of node expires in 1 hour"),
        (3599.0, "the token of node expires in less than an hour"),
        (0.0, "the token of node has expired: once disconnected, it cannot connect again"),
    ],
)
def test_operator_reads_whose_token_and_when(left: float, text: str) -> None:
    assert warning(NODE, left) == text


def test_clock_that_goes_on_is_calm() -> None:
    clock = WallClock()
    assert all(clock.is_calm(5000.0 + at + at / 1000, at) for at in (0.0, 60.0, 120.0))


@pytest.mark.parametrize("jump", [3.0, -3.0, 1e9])
def test_clock_is_not_trusted_for_a_while_after_a_jump(jump: float) -> None:
    clock = WallClock()
    assert clock.is_calm(5000.0, 0.0)
    assert not clock.is_calm(5010.0 + jump, 10.0)
    assert not clock.is_calm(5000.0 + jump + 9.9 + CALM, 9.9 + CALM)
    assert clock.is_calm(5010.0 + jump + CALM, 10.0 + CALM)
