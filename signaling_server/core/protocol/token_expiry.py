"""Tokens that expire while their clients are connected: who is warned, and who may be disconnected.

The wall clock decides, and it may be wrong: a drone without an RTC wakes up in 1970 and jumps. A
jump shows as a change of the wall clock against the monotonic one. For CALM seconds after a jump
nobody is disconnected, so that a clock that is set wrong for a moment ends no flight.
"""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.protocol.auth import Grant
from signaling_server.core.words import plural

WARN_AHEAD = 86400.0
"""Seconds before its expiry from which on a token is said to expire soon."""
JUMP = 2.0
"""Seconds by which a clock that is not set anew does not move between two looks."""
CALM = 60.0
"""Seconds after a jump for which the wall clock is not trusted."""


class WallClock:
    """Whether the wall clock may be trusted, given what both clocks say at each look."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._calm_from = 0.0

    def is_calm(self, wall: float, monotonic: float) -> bool:
        """Whether the wall clock has not jumped in the last CALM seconds."""
        offset = wall - monotonic
        if self._offset is not None and abs(offset - self._offset) > JUMP:
            self._calm_from = monotonic + CALM
        self._offset = offset
        return monotonic >= self._calm_from


def expiring(seconds_left: Mapping[Grant, float | None]) -> dict[Grant, float]:
    """The grants that expire within WARN_AHEAD seconds or have expired, with the seconds left."""
    return {
        grant: left
        for grant, left in seconds_left.items()
        if left is not None and left <= WARN_AHEAD
    }


def warning(grant: Grant, left: float) -> str:
    """A sentence for an operator."""
    if left <= 0:
        return f"the token of {grant.name} has expired: once disconnected, it cannot connect again"
    hours = int(left // 3600)
    when = f"{plural(hours, 'hour')}" if hours else "less than an hour"
    return f"the token of {grant.name} expires in {when}"
