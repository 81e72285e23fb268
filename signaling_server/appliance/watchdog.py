"""What systemd hears of the server's health: READY=1 at the start, then WATCHDOG=1.

systemd aborts the process if it hears no WATCHDOG=1 for WatchdogSec=. To send that from a timer
would prove no more than that the loop turns. So a check decides (self_check.py), by the rule of
core/watchdog_rule.py. One failed check changes nothing: an onboard computer can stall for seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Awaitable, Callable

from signaling_server.appliance.systemd import Notifier
from signaling_server.core.watchdog_rule import Check, Outcome, Verdict

log = logging.getLogger(__name__)

CHECK_EVERY_SECONDS = 3
READY_SECONDS = 0.2
"""The interval between two checks until the first one succeeds."""


class Watch:
    """Checks the server and notifies systemd while it is well.

    `warning` is for the operator: what the watchdog has to do without, or "".
    """

    def __init__(
        self,
        notifier: Notifier,
        check: Callable[[], Awaitable[Check]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.warning = ""
        self._notifier = notifier
        self._check = check
        self._clock = clock
        self._sleep = sleep
        self._verdict = Verdict()
        self._state = (Outcome.ANSWERED, True)

    async def get_ready(self) -> None:
        """Return when the server is well for the first time; then send READY=1."""
        pause = 0.0
        while not await self._look(pause):
            self._notifier.status(f"not serving yet: {self.warning}")
            pause = READY_SECONDS
        self._notifier.ready()

    async def keep(self, watchdog_seconds: float) -> None:
        """Send WATCHDOG=1 twice per `watchdog_seconds` while the server is well; never returns."""
        await asyncio.gather(self._keep_checking(), self._keep_notifying(watchdog_seconds))

    async def _keep_checking(self) -> None:
        while True:
            await self._look(CHECK_EVERY_SECONDS)

    async def _keep_notifying(self, watchdog_seconds: float) -> None:
        while True:
            if self._verdict.is_well(self._clock()):
                self._notifier.watchdog()
            await self._sleep(watchdog_seconds / 2)

    async def _look(self, pause: float) -> bool:
        """Check once after a pause; whether that vouches for the server."""
        due = self._clock() + pause
        await self._sleep(pause)
        late = self._clock() - due
        check = await self._check()
        vouches = self._verdict.vouches(check, late, self._clock())
        self._report(check, vouches)
        return vouches

    def _report(self, check: Check, vouches: bool) -> None:
        """Log each change once."""
        self.warning = "" if check.outcome is Outcome.ANSWERED else _warning(check, vouches)
        state = (check.outcome, vouches)
        if state == self._state:
            return
        self._state = state
        if self.warning:
            log.warning("self-check failed: %s", self.warning)
        else:
            log.warning("self-check succeeds again")


def _warning(check: Check, vouches: bool) -> str:
    if check.outcome is Outcome.FAILED:
        return f"the server does not answer on its own port ({check.reason})"
    by_what = "event loop and listening socket"
    result = f"{by_what} are checked instead" if vouches else f"and {by_what} are not well"
    return f"no address of its own can be reached ({check.reason}); {result}"
