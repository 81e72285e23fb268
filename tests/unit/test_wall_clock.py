from __future__ import annotations

from signaling_server.core.protocol.wall_clock import server_time
from signaling_server.version import RELEASED


def test_clock_that_is_set_is_told_in_milliseconds() -> None:
    assert server_time(RELEASED + 0.12345) == RELEASED + 0.123


def test_clock_that_is_not_set_is_not_told() -> None:
    assert server_time(0.0) is None
    assert server_time(RELEASED - 1) is None
