"""The instruments that watch the relay: metrics, insight and log, with the timers they need."""

from __future__ import annotations

import asyncio
import time
from typing import Callable

from signaling_server.core.insight.backlog import BREATH_SECONDS, DIGEST_SECONDS
from signaling_server.core.insight.insight import Insight
from signaling_server.core.insight.timeline import Timeline
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.events import Fact
from signaling_server.core.protocol.observer import merge
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.logs.fact_log import FactLogger
from signaling_server.version import RELEASED

TURNS_TO_CATCH_UP = 8


class Instruments:
    """Records each fact with all that watch. You must call `cancel` when the loop ends."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.insight = Insight(started_at=time.monotonic())
        self.timeline = Timeline(lambda: time.time() >= RELEASED)
        self.insight.on_signal = self.timeline.signalled
        self._fact_log = FactLogger()
        self._recorders = merge(self.metrics, self.insight, self.timeline, self._fact_log)
        self._sums: asyncio.TimerHandle | None = None
        self._digest: asyncio.TimerHandle | None = None

    def record(self, fact: Fact) -> None:
        """Record a fact that has happened now."""
        now = time.monotonic()
        for record in self._recorders[type(fact)]:
            record(fact, now)
        if self._sums is None and self._fact_log.summing:
            self._set_sums(now)
        if self._digest is None and self.insight.pending:
            self._digest = _later(DIGEST_SECONDS, self._do_digest)

    def report(self, room: str, peer_id: str, report: ConnectionReport) -> None:
        """Record what a peer says of its own connection."""
        now = time.monotonic()
        self.insight.report(room, peer_id, report, now)
        self.timeline.report(room, peer_id, report, now)

    def catch_up(self) -> None:
        """Let insight read what a few turns allow, before somebody looks at it."""
        for _ in range(TURNS_TO_CATCH_UP):
            if self.insight.pending:
                self.insight.digest(time.monotonic())

    def lone(self, most: int) -> list[LonePeer]:
        """At most so many of the peers that are alone in a room of this host."""
        return self.insight.lone(time.monotonic(), most)

    def cancel(self) -> None:
        """Stop all timers."""
        for timer in (self._sums, self._digest):
            if timer is not None:
                timer.cancel()

    def _set_sums(self, now: float) -> None:
        deadline = self._fact_log.next_deadline()
        self._sums = None if deadline is None else _later(deadline - now, self._write_sums)

    def _write_sums(self) -> None:
        now = time.monotonic()
        self._fact_log.write_sums(now)
        self._set_sums(now)

    def _do_digest(self) -> None:
        wait = BREATH_SECONDS if self.insight.digest(time.monotonic()) else DIGEST_SECONDS
        self._digest = _later(wait, self._do_digest) if self.insight.pending else None


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(max(0.0, seconds), call)
