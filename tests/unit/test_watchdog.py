"""When systemd hears that the server is ready, and that it is alive."""

from __future__ import annotations

import asyncio
import logging
from typing import Awaitable, Callable

import pytest

from signaling_server.appliance.systemd import Notifier
from signaling_server.appliance.watchdog import Watch
from signaling_server.core.watchdog_rule import Check, Listening, Outcome

IDLE = Listening(open=True, waiting=0, accepted=0)
WELL = Check(Outcome.ANSWERED, "", IDLE)
FAILED = Check(Outcome.FAILED, "127.0.0.1: no answer", IDLE)
NO_ADDRESS = Check(Outcome.NOT_TRIED, "10.0.0.5: Cannot assign requested address", IDLE)
DEAF = NO_ADDRESS._replace(listening=IDLE._replace(open=False))


class TickingClock:
    """Time that passes only when somebody sleeps; ends the scene at `end`."""

    def __init__(self, end: float) -> None:
        self.now = 0.0
        self.end = end
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def run(self, watch: Awaitable[None]) -> None:
        watching = asyncio.ensure_future(watch)  # noqa: TID251
        while self.now < self.end:
            for _ in range(10):
                await asyncio.sleep(0)
            first = min(self._sleepers, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.now, woken = first
            woken.set_result(None)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class CountingNotifier(Notifier):
    def __init__(self, clock: TickingClock) -> None:
        self._clock = clock
        self.signs_of_life: list[float] = []
        self.ready_at: float | None = None
        self.statuses: list[str] = []

    def watchdog(self) -> None:
        self.signs_of_life.append(self._clock.now)

    def ready(self) -> None:
        self.ready_at = self._clock.now

    def status(self, text: str) -> None:
        self.statuses.append(text)


def watched(found: Callable[[float], Check], end: float) -> tuple[CountingNotifier, Watch]:
    """A watch with WatchdogSec=15 that finds this at each time, from the start until `end`."""

    async def scene() -> tuple[CountingNotifier, Watch]:
        clock = TickingClock(end)
        notifier = CountingNotifier(clock)

        async def check() -> Check:
            return found(clock.now)

        watch = Watch(notifier, check, clock=clock.read, sleep=clock.sleep)

        async def run() -> None:
            await watch.get_ready()
            await watch.keep(15)

        await clock.run(run())
        return notifier, watch

    return asyncio.run(scene())


def signs_of_life(found: Callable[[float], Check], end: float) -> list[float]:
    """When WATCHDOG=1 goes out."""
    return watched(found, end)[0].signs_of_life


def test_healthy_server_gives_a_sign_of_life_at_half_the_interval() -> None:
    assert signs_of_life(lambda now: WELL, 31) == [0, 7.5, 15, 22.5, 30]


@pytest.mark.parametrize("trouble", [FAILED, DEAF], ids=["no answer", "no address, no listener"])
def test_server_that_fails_gives_no_sign_of_life_after_eight_seconds(trouble: Check) -> None:
    assert signs_of_life(lambda now: WELL if now < 10 else trouble, 60) == [0, 7.5, 15]


def test_short_failure_is_forgiven() -> None:
    found = lambda now: FAILED if 12 <= now < 18 else WELL  # noqa: E731
    assert signs_of_life(found, 31) == [0, 7.5, 15, 22.5, 30]


def test_server_without_an_address_lives_on() -> None:
    found = lambda now: WELL if now < 10 else NO_ADDRESS  # noqa: E731
    notifier, watch = watched(found, 61)
    assert notifier.signs_of_life == [7.5 * n for n in range(9)]
    assert watch.warning == (
        "no address of its own can be reached (10.0.0.5: Cannot assign requested address); "
        "event loop and listening socket are checked instead"
    )


def test_loop_that_is_late_does_not_count_as_well_without_an_address() -> None:
    async def scene() -> tuple[list[float], str]:
        clock = TickingClock(100)
        notifier = CountingNotifier(clock)

        async def check() -> Check:
            clock.now += 3  # all that the loop does takes longer than it may
            return NO_ADDRESS

        async def sleep_too_long(seconds: float) -> None:
            await clock.sleep(seconds + 2.5 if seconds == 3 else seconds)

        watch = Watch(notifier, check, clock=clock.read, sleep=sleep_too_long)
        await clock.run(ready_and_kept(watch))
        return notifier.signs_of_life, watch.warning

    async def ready_and_kept(watch: Watch) -> None:
        await watch.get_ready()
        await watch.keep(15)

    alive, warning = asyncio.run(scene())
    assert max(alive) < 3 + 8
    assert warning.endswith("and event loop and listening socket are not well")


def test_server_is_ready_when_it_answers_for_the_first_time() -> None:
    notifier, watch = watched(lambda now: FAILED if now < 0.5 else WELL, 5)
    assert notifier.ready_at == pytest.approx(0.6)
    assert notifier.statuses[0] == (
        "not serving yet: the server does not answer on its own port (127.0.0.1: no answer)"
    )
    assert watch.warning == ""


def test_server_that_is_well_is_ready_at_once() -> None:
    notifier, _ = watched(lambda now: WELL, 1)
    assert notifier.ready_at == 0
    assert notifier.statuses == []


def test_server_without_an_address_becomes_ready() -> None:
    assert watched(lambda now: NO_ADDRESS, 1)[0].ready_at == 0


def test_changes_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    def found(now: float) -> Check:
        if now < 1:
            return FAILED
        if now < 20:
            return WELL
        if now < 30:
            return FAILED._replace(reason=f"at {now}")
        return NO_ADDRESS if now < 50 else WELL

    with caplog.at_level(logging.WARNING, "signaling_server.appliance.watchdog"):
        watched(found, 60)
    heads = [record.getMessage().partition(" (")[0] for record in caplog.records]
    assert heads == [
        "self-check failed: the server does not answer on its own port",
        "self-check succeeds again",
        "self-check failed: the server does not answer on its own port",
        "self-check failed: no address of its own can be reached",
        "self-check succeeds again",
    ]
