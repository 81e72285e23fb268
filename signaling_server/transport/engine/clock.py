"""engine.io's pings, on a clock that does not jump.

python-engineio (all of 4.x) times them by the wall clock. A drone without an RTC wakes up in 1970
and jumps by years when NTP arrives: every connection with an unanswered PING would look dead.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

from engineio import async_socket, base_socket


def use_monotonic_clock() -> None:
    """Let engine.io measure with time.monotonic. It only ever takes differences."""
    clock = SimpleNamespace(time=time.monotonic)
    async_socket.time = clock
    base_socket.time = clock
