"""A large fleet in virtual time: what it takes in steady use, and when one of its hosts dies.

    PYTHONPATH=tests python -m fleet.scale --hosts 20 --pairs 100000

Real: admission, relays, doors, links with their MACs, the ownership of rooms, the beats, the sweep.
Left out: HTTP, TLS, Engine.IO and the sockets; Redis itself (it is a dictionary that answers at
once); insight, log and status. Virtual time passes only while nobody has anything to do, so it
measures timers alone, and the report gives the CPU time beside it. One process plays all hosts and
the programs that are their clients, so its CPU time is that of all of them together.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import sys
import time
from collections import Counter
from typing import Any, Awaitable, NamedTuple
from typing import Counter as CounterOf

from fleet.callers import BALANCERS, CALL_SECONDS, SIGNALS, Callers
from fleet.counted_redis import CountedEngine, CountedRedis
from fleet.scale_report import Memory, Recovery, Report, Span
from fleet.simulation import Host
from fleet.virtual_time import virtual_time
from signaling_server.core.config.schema import Config, LimitsSettings, RoomsSettings

ARRIVALS_A_SECOND = 5000
MEETING = 2.25
"""Seconds until all hosts know each other; from then on no beat falls on the end of a span."""
RECOVERS = 60.0
"""Seconds after which a pair that does not hear each other yet is lost."""
PROGRESS = 10.0
"""Seconds of CPU time between two lines of progress."""


class TimeIsUp(Exception):
    """The simulation takes more CPU time than it may."""


class Options(NamedTuple):
    """What is simulated."""

    hosts: int = 20
    pairs: int = 100_000
    seconds: float = 120.0
    """Of steady use. The sweep, which frees the signals of expired sessions, runs once a minute."""
    period: float = 600.0
    """Seconds after which a pair calls anew."""
    balancer: str = "any"
    fault: str = "kill"
    seed: int = 1
    cpu_seconds: float = 3600.0
    """After which it gives up."""

    @property
    def calls(self) -> int:
        """In the seconds of steady use."""
        return round(self.pairs * self.seconds / self.period)

    def config(self) -> Config:
        """One address for all clients, and room at each host for those of the others."""
        room = 1000 + 4 * 2 * self.pairs // self.hosts
        return Config(
            limits=LimitsSettings(connections=room, rooms_per_address=0),
            rooms=RoomsSettings(max_rooms=0),
        )


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Simulation:
    """One run. You must await `stop`."""

    def __init__(self, options: Options, progress: Any = None) -> None:
        self.options = options
        self.redis = CountedRedis()
        self.living: list[Host] = []
        self.hosts: list[Host] = []
        self._progress = progress
        self._said_at = self._began = time.process_time()

    async def start(self) -> None:
        """The hosts, and nobody at them."""
        config, jump = self.options.config(), random.Random(self.options.seed)
        for number in range(self.options.hosts):
            host = Host(
                config,
                f"host-{number:02}",
                self.redis,
                lambda: jump.randrange(2**20, 2**28),
                lambda fact: None,
                CountedEngine,
            )
            self.hosts.append(await host.start())
            host.transport._background.start(host.transport.keep_sweeping())
        self.living += self.hosts
        balance = BALANCERS[self.options.balancer]
        self.callers = Callers(self.living, self.options.pairs, balance, self.options.seed)
        await self.live(MEETING, "the hosts meet")

    async def stop(self) -> None:
        self.callers.over = True
        for host in self.living:
            host.kill()
        for host in self.hosts:
            await host.stop()
        await asyncio.sleep(0)

    # --- time -------------------------------------------------------------------------------------

    async def live(self, seconds: float, what: str) -> Memory:
        """Let so much virtual time pass; returns the most that the budgets were charged."""
        end, most = asyncio.get_running_loop().time() + seconds, Memory()
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(min(1.0, end - asyncio.get_running_loop().time()))
            most = most.most(self._charged())
            self._say(what)
        return most

    def _charged(self) -> Memory:
        links = [sum(link.unacknowledged for link in links_of(host)) for host in self.living]
        budgets = [host.relay.budget.used for host in self.living]
        count = len(self.living)
        return Memory(max(budgets), sum(budgets) / count, max(links), sum(links) / count)

    def _say(self, what: str) -> None:
        if self.callers.broken:
            raise self.callers.broken[0]
        now = time.process_time()
        if self._progress is not None and now - self._said_at > PROGRESS:
            self._said_at = now
            connected = sum(len(host.sockets) for host in self.living)
            self._progress(f"{now - self._began:6.0f} s of CPU: {what}; {connected} are connected")
        if now - self._began > self.options.cpu_seconds:
            raise TimeIsUp(what)

    def _until_now(self) -> Span:
        records: CounterOf[str] = Counter()
        for host in self.hosts:
            assert host.fleet is not None
            records += host.fleet.links.tally.records
        now = asyncio.get_running_loop().time()
        counted = self.callers.counts, self.redis.commands, self.redis.bytes, records
        return Span(now, time.process_time(), *(Counter(each) for each in counted))

    # --- what happens -----------------------------------------------------------------------------

    async def arrive(self) -> Span:
        """All connect."""
        before, seconds = self._until_now(), 2 * self.options.pairs / ARRIVALS_A_SECOND
        self.callers.arrive(seconds)
        await self.live(max(1, round(seconds + 0.5)) + 2, "all connect")
        return self._until_now() - before

    async def call(self) -> tuple[Span, Memory]:
        """Steady use."""
        before, options = self._until_now(), self.options
        self.callers.call(options.calls, options.seconds - CALL_SECONDS)
        most = await self.live(options.seconds, "calls")
        return self._until_now() - before, most

    async def kill(self) -> Recovery:
        """End the first host, and wait until all hear each other again that it concerned."""
        dead, callers, options = self.living.pop(0), self.callers, self.options
        concerned = [pair for pair in callers.pairs if dead in pair.hosts]
        rooms = len(dead.relay.rooms)
        ended = sum(pair.hosts.count(dead) for pair in concerned)
        before = self._until_now()
        callers.listen(concerned)
        if options.fault == "power":
            ping = options.config().socketio
            silence = ping.ping_interval + ping.ping_timeout
            dead.lose_power(lambda: silence - callers.chance.uniform(0, ping.ping_interval))
        else:
            dead.kill()
        while callers.silent and self._until_now().seconds - before.seconds < RECOVERS:
            await self.live(0.1, f"{callers.silent} pairs come back")
        waits = sorted(at - before.seconds for at in callers.back)
        return Recovery(
            len(concerned), ended, rooms, waits, callers.silent, self._until_now() - before
        )

    async def greet(self) -> int:
        """All greet each other; returns how many pairs do not hear each other."""
        callers, seconds = self.callers, 2 * self.options.pairs / ARRIVALS_A_SECOND
        callers.listen(callers.pairs)
        for pair in callers.pairs:
            wait = callers.chance.uniform(0, seconds)
            callers.loop.call_later(wait, pair.programs[0].say, "greeting")
        await self.live(seconds + 1, "all greet each other")
        return callers.silent

    async def run(self) -> Report:
        """The whole run."""
        began = time.process_time()
        await self.start()
        empty = resident()
        arrival = await self.arrive()
        full = resident()
        together = sum(pair.together for pair in self.callers.pairs)
        crossing = sum(pair.crosses for pair in self.callers.pairs)
        steady, memory = await self.call()
        recovery = await self.kill()
        silent = await self.greet()
        return Report(
            self.options.hosts,
            self.options.pairs,
            self.options.calls * SIGNALS,
            together,
            crossing,
            arrival,
            steady,
            memory,
            full - empty,
            resident(),
            recovery,
            silent,
            time.process_time() - began,
        )


def links_of(host: Host) -> Any:
    assert host.fleet is not None
    return host.fleet.links.links.values()


def simulate(options: Options, progress: Any = None) -> Report:
    """Run it in virtual time. Raises TimeIsUp."""
    found: list[Report] = []

    async def scene() -> None:
        simulation = Simulation(options, progress)
        try:
            found.append(await simulation.run())
        finally:
            await simulation.stop()

    chance = random.getstate()
    random.seed(options.seed)  # the ids of hosts, and the spread of hang-ups
    try:
        with virtual_time() as loop:
            loop.run_until_complete(_awaited(scene()))
    finally:
        random.setstate(chance)
    return found[0]


async def _awaited(work: Awaitable[None]) -> None:
    await work


def main() -> int:
    default = Options()
    parser = argparse.ArgumentParser(prog="fleet.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--hosts", type=int, default=default.hosts)
    parser.add_argument("--pairs", type=int, default=default.pairs)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of steady use")
    parser.add_argument("--period", type=float, default=default.period, help="between two calls")
    parser.add_argument("--balancer", choices=BALANCERS, default=default.balancer)
    parser.add_argument("--fault", choices=("kill", "power"), default=default.fault)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--cpu-seconds", type=float, default=default.cpu_seconds, help="at most")
    options = Options(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.ERROR)
    gc.set_threshold(100_000, 20, 100)  # millions of objects that stay
    try:
        report = simulate(options, lambda line: print(line, file=sys.stderr, flush=True))
    except TimeIsUp as error:
        print(f"gave up after {options.cpu_seconds:g} s of CPU: {error}", file=sys.stderr)
        return 1
    print(f"balancer: {options.balancer}, fault: {options.fault}, seed: {options.seed}")
    print(report.text())
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())
