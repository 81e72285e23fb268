from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

import pytest

from signaling_server import instruments as instruments_module
from signaling_server.core.protocol.events import PeerJoined, SignalAccepted
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.instruments import Instruments

PATIENCE = 10.0


def entered(name: str) -> PeerJoined:
    return PeerJoined(f"sid-{name}", name, "room", "10.0.0.1", "websocket", False)


def offer(to: str | None = "gcom") -> SignalAccepted:
    body = '{"type":"offer","data":{"type":"offer","sdp":"v=0"}'
    return SignalAccepted("sid-node", "node", "room", Signal("offer", to, 60, body), 1, 0)


def test_timeline_gets_the_signals_that_insight_reads() -> None:
    async def scene(made: Instruments) -> None:
        made.record(entered("node"))
        made.record(offer())
        made.catch_up()
        kinds = [entry.kind for entry in made.timeline.room("room", time.monotonic()).entries]
        assert kinds == ["joined", "offer"]
        made.record(entered("gcom"))
        made.report("room", "gcom", ConnectionReport("connected", {}))
        last = made.timeline.room("room", time.monotonic()).entries[-1]
        assert (last.kind, last.text) == ("call", "gcom reports: connected")

    run(scene)


class Calls:
    """The calls of a method, which go on to where they went; a test can wait for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self.count = 0
        self._called = asyncio.Event()
        real: Callable[..., Any] = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            answer = real(*arguments)
            self.count += 1
            self._called.set()
            return answer

        monkeypatch.setattr(owner, name, call)

    async def until(self, count: int) -> None:
        """Wait until there were so many."""
        while self.count < count:
            self._called.clear()
            await asyncio.wait_for(self._called.wait(), PATIENCE)


def run(test: Callable[[Instruments], Any]) -> None:
    """Run a test in a loop; what it observes ends with it."""

    async def go() -> None:
        made = Instruments()
        try:
            await test(made)
        finally:
            made.cancel()

    asyncio.run(go())


def timers() -> list[asyncio.TimerHandle]:
    """What the loop will do later."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


def test_fact_reaches_metrics_log_and_insight(caplog: pytest.LogCaptureFixture) -> None:
    async def look(made: Instruments) -> None:
        with caplog.at_level("INFO"):
            made.record(entered("node"))
            made.record(offer(None))
        assert made.metrics.signals == {"offer": 1}
        assert made.metrics.last_signal == pytest.approx(time.monotonic(), abs=PATIENCE)
        assert len(caplog.messages) == 2
        assert "node joined from 10.0.0.1" in made.insight.notes()[0].text

    run(look)


def test_join_sets_no_timer() -> None:
    async def look(made: Instruments) -> None:
        made.record(entered("node"))
        assert timers() == []

    run(look)


def test_one_timer_reads_the_signals_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments_module, "DIGEST_SECONDS", 0.01)

    async def look(made: Instruments) -> None:
        digests = Calls(monkeypatch, made.insight, "digest")
        for name in ("node", "gcom"):
            made.record(entered(name))
        for _ in range(3):
            made.record(offer())
        assert (digests.count, len(timers())) == (0, 1)
        await digests.until(1)
        assert not made.insight.pending
        assert timers() == [], "with nothing to read it does not wake up"
        made.record(offer())
        await digests.until(2)

    run(look)


def test_next_digest_reads_what_this_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments_module, "DIGEST_SECONDS", 0.01)
    monkeypatch.setattr(
        "signaling_server.core.insight.backlog.DIGEST_BYTES", 1
    )  # one signal at a time

    async def look(made: Instruments) -> None:
        digests = Calls(monkeypatch, made.insight, "digest")
        for name in ("node", "gcom"):
            made.record(entered(name))
        for _ in range(3):
            made.record(offer())
        await digests.until(3)
        assert not made.insight.pending

    run(look)


def test_signals_of_a_chatty_peer_are_summed_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(made: Instruments) -> None:
        with caplog.at_level("INFO"):
            sums = Calls(monkeypatch, made._fact_log, "write_sums")
            for _ in range(50):
                made.record(offer())
            lines = len(caplog.messages)
            assert lines < 50
            await sums.until(1)
            while made._sums is not None:  # until there is nothing left to sum
                await sums.until(sums.count + 1)
            assert len(caplog.messages) > lines

    run(look)


def test_report_comes_after_the_signals_before_it() -> None:
    async def look(made: Instruments) -> None:
        for name in ("node", "gcom"):
            made.record(entered(name))
        made.record(offer())
        made.report("room", "gcom", ConnectionReport("failed", {}))
        while made.insight.pending:
            made.insight.digest(1e9)
        texts = [note.text for note in made.insight.notes()]
        assert texts[:2] == ["gcom reports: failed", "node sent an offer to gcom"]

    run(look)


def test_cancel_stops_the_timers(caplog: pytest.LogCaptureFixture) -> None:
    async def look(made: Instruments) -> None:
        with caplog.at_level("INFO"):
            for name in ("node", "gcom"):
                made.record(entered(name))
            for _ in range(50):
                made.record(offer())
        assert len(timers()) == 2
        made.cancel()
        assert timers() == []

    run(look)


def test_insight_catches_up_before_somebody_looks() -> None:
    async def look(made: Instruments) -> None:
        for name in ("node", "gcom"):
            made.record(entered(name))
        made.record(offer())
        made.catch_up()
        assert made.insight.notes()[0].text == "node sent an offer to gcom"

    run(look)
