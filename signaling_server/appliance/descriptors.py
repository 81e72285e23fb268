"""File descriptors: how many the server may have, and one in reserve for when all are in use."""

from __future__ import annotations

import contextlib
import logging
import os
import resource

log = logging.getLogger(__name__)

SPARE_CALLERS = 64
"""TCP connections beside those of Socket.IO clients: pages, health checks, callers refused."""
SPARE_FILES = 64
"""Open files beside those connections."""

STRANGERS_SHARE = 8
"""One open file of so many is for strangers in any case: few clients have the two connections that
`most_callers` allows for, and all of them come at once after a restart."""


class Reserve:
    """One descriptor kept for the moment when all others are in use.

    Whoever spends it can accept or make one more connection even then. The door does so to turn a
    caller away instead of letting it wait, and the watchdog to make its call.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self.refill()

    def refill(self) -> bool:
        """Take a descriptor into reserve if there is none; False if none is to be had."""
        if self._descriptor is None:
            with contextlib.suppress(OSError):
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor is not None

    def spend(self) -> bool:
        """Free the descriptor in reserve for another use; False if there was none."""
        if self._descriptor is None:
            return False
        os.close(self._descriptor)
        self._descriptor = None
        return True


def most_callers(connections: int) -> int:
    """How many TCP connections limits.connections comes to: a client that polls has two."""
    return 2 * connections + SPARE_CALLERS


def allow_open_files(connections: int, strangers: int) -> None:
    """Raise the limit on open files as limits.connections and limits.strangers require, or warn."""
    needed = most_callers(connections) + strangers + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning(
            "limits.connections is %d and limits.strangers %d, which requires %d open files, "
            "but only %d are allowed: raise LimitNOFILE= or lower the limits",
            connections,
            strangers,
            needed,
            soft,
        )


def room_for_strangers(connections: int, strangers: int) -> int:
    """`strangers`, or fewer if connections need the open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return strangers
    left = soft - most_callers(connections) - SPARE_FILES
    return min(strangers, max(left, soft // STRANGERS_SHARE))
