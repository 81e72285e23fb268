"""Who notes the relay's facts: counters, log and insight, each with its timer."""

from __future__ import annotations

import asyncio
import time
from typing import Callable

from signaling_server.core.insight.insight import BREATH_SECONDS, DIGEST_SECONDS, Insight
from signaling_server.core.protocol.events import Fact
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.logs.fact_log import FactLogger


class Instruments:
    """Passes each fact on. You must call `cancel` when the loop ends."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.insight = Insight()
        self._narrator = FactLogger()
        self._sums: asyncio.TimerHandle | None = None
        self._digest: asyncio.TimerHandle | None = None

    def note(self, fact: Fact) -> None:
        """Note a fact, now."""
        now = time.monotonic()
        self.metrics.note(fact, now)
        self.insight.note(fact, now)
        if self._narrator.note(fact, now) and self._sums is None:
            self._set_sums(now)
        if self._digest is None and self.insight.pending:
            self._digest = _later(DIGEST_SECONDS, self._do_digest)

    def report(self, room: str, peer_id: str, report: ConnectionReport) -> None:
        """Note what a peer says of its own connection."""
        self.insight.report(room, peer_id, report, time.monotonic())

    def cancel(self) -> None:
        """Wake up no more."""
        for timer in (self._sums, self._digest):
            if timer is not None:
                timer.cancel()

    def _set_sums(self, now: float) -> None:
        deadline = self._narrator.next_deadline()
        self._sums = None if deadline is None else _later(deadline - now, self._tell_sums)

    def _tell_sums(self) -> None:
        now = time.monotonic()
        self._narrator.tell_sums(now)
        self._set_sums(now)

    def _do_digest(self) -> None:
        wait = BREATH_SECONDS if self.insight.digest(time.monotonic()) else DIGEST_SECONDS
        self._digest = _later(wait, self._do_digest) if self.insight.pending else None


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(max(0.0, seconds), call)
