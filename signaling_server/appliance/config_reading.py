"""Reading the configuration in a thread, beside a loop that serves clients."""

from __future__ import annotations

import gc
from typing import Callable

from signaling_server.core.config.load import Loaded


def outcome(load: Callable[[], Loaded]) -> Callable[[], Loaded]:
    """What came of `load`: call it to get the configuration, or the exception.

    Meanwhile no garbage is collected: one search through thousands of half-read tokens stops the
    loop for 45 ms, and what is read has no cycles.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        loaded = load()
    except Exception as error:
        failure = error

        def fail() -> Loaded:
            raise failure

        return fail
    finally:
        if collecting:
            gc.enable()
    return lambda: loaded
