"""The clock of the machine, which wakes up in 1970 where there is no battery and no network."""

from __future__ import annotations

from signaling_server.version import RELEASED


def server_time(wall_clock: float) -> float | None:
    """`wall_clock`, seconds since 1970, as `welcome` tells it; None while it is not set.

    A client whose own clock is wrong learns so before a TURN server refuses its credentials.
    """
    return None if wall_clock < RELEASED else round(wall_clock, 3)
