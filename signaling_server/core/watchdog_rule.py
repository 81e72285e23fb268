"""Whether the server is well: the verdict that decides whether systemd hears WATCHDOG=1.

A server that answers through its own port is well. An address that is not there (IPv6 switched off,
a DHCP lease that ended, `lo` down) proves nothing: no call was made. Then the verdict rests on what
is left: the event loop is on time, and the listening socket loses no caller.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

TRUSTED_SECONDS = 8
"""How long a check vouches for the server: two failed ones in a row are forgiven."""
LATE_SECONDS = 2
"""How late the event loop may be: as long as an answer through the port may take."""


class Outcome(enum.Enum):
    """What came of calling the server through its own port."""

    ANSWERED = "answered"
    """This process answered."""
    FAILED = "failed"
    """It was called, and did not answer, or another process did."""
    NOT_TRIED = "not tried"
    """There is no address through which it could be called."""


class Listening(NamedTuple):
    """The listening socket: whether it listens, and what became of its callers.

    `waiting` are in the kernel's accept queue, `accepted` were taken from it since the start.
    """

    open: bool
    waiting: int
    accepted: int


class Check(NamedTuple):
    """One look of the server at itself; `reason` says why the outcome is not ANSWERED."""

    outcome: Outcome
    reason: str
    listening: Listening


class Verdict:
    """Collects checks, and says whether the server is well."""

    def __init__(self) -> None:
        self._vouched_at = -float("inf")
        self._before: Listening | None = None

    def vouches(self, check: Check, late: float, now: float) -> bool:
        """Take a check that began `late` seconds after its time; whether it vouches."""
        before, self._before = self._before, check.listening
        well = check.outcome is Outcome.ANSWERED
        if check.outcome is Outcome.NOT_TRIED:
            well = late <= LATE_SECONDS and _takes_callers(before, check.listening)
        if well:
            self._vouched_at = now
        return well

    def is_well(self, now: float) -> bool:
        """Whether a check has vouched recently."""
        return now - self._vouched_at < TRUSTED_SECONDS


def _takes_callers(before: Listening | None, listening: Listening) -> bool:
    """Whether callers of the socket are accepted, as far as there are any."""
    if before is None or not listening.open:
        return listening.open
    still_wait = before.waiting > 0 and listening.waiting > 0
    return not still_wait or listening.accepted > before.accepted
