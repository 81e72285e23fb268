"""Random faults of hosts, of Redis and of the connections of clients.

Each host, Redis, and all clients together have a sequence of faults of their own, so that several
things are broken at a time. A seed gives the same sequences each time; how they fall together is
left to the machine.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any, Awaitable, Callable, Coroutine, Mapping, NamedTuple, Sequence

from fleet.machine import Machine
from fleet.program import Program
from fleet.redis_server import RedisServer

SHORTEST = 0.5
"""Seconds before the end of a storm from which on nothing more breaks."""


class Fault(NamedTuple):
    """Breaks something for so many seconds."""

    shortest: float
    longest: float
    happen: Callable[[float], Awaitable[None]]


class Storm:
    """Breaks hosts, their Redis, and the connections of programs; `faults` counts what it did."""

    def __init__(
        self, seed: int, hosts: Sequence[Machine], redis: RedisServer, programs: Sequence[Program]
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._redis = redis
        self._programs = programs
        self._start = time.monotonic()
        self._sequences: list[Callable[[float], Coroutine[Any, Any, None]]] = []

        def sequence(what: str, calm: tuple[float, float], faults: Mapping[str, Fault]) -> None:
            dice = random.Random(f"{seed} {what}")
            self._sequences.append(lambda end: self._go_on(what, dice, calm, faults, end))

        for host in hosts:
            sequence(f"host {host.name}", (3, 12), _faults_of(host))
        sequence(
            "Redis",
            (5, 15),
            {
                "killed": Fault(0.1, 6, self._kill_redis),
                "frozen": Fault(0.1, 5, self._freeze_redis),
            },
        )
        self._dice = random.Random(f"{seed} clients")
        sequence("client", (0.5, 3), {"moved": Fault(0, 0, self._move_a_client)})

    async def rage(self, seconds: float) -> None:
        """Break things for so long, what is broken at the end included; returns when all is
        whole again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        tasks = [loop.create_task(go_on(end)) for go_on in self._sequences]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _go_on(
        self,
        what: str,
        dice: random.Random,
        calm: tuple[float, float],
        faults: Mapping[str, Fault],
        end: float,
    ) -> None:
        now = asyncio.get_running_loop().time
        while end - now() > SHORTEST:
            pause = dice.uniform(*calm)
            kind = dice.choice([*faults])
            fault = faults[kind]
            seconds = dice.uniform(fault.shortest, fault.longest)
            # In the end the pauses get shorter, so that a storm ends with many things broken.
            await asyncio.sleep(min(pause, (end - now()) / 2))
            seconds = min(seconds, end - now())
            self.faults[f"{what.split()[0]} {kind}"] += 1
            at = time.monotonic() - self._start
            print(f"{at:7.2f} s: {what} {kind} for {seconds:.2f} s", time.strftime("(%T)"))
            await fault.happen(seconds)

    async def _kill_redis(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._redis.kill)
        await asyncio.sleep(seconds)
        await loop.run_in_executor(None, self._redis.start)

    async def _freeze_redis(self, seconds: float) -> None:
        self._redis.freeze()
        await asyncio.sleep(seconds)
        self._redis.thaw()

    async def _move_a_client(self, seconds: float) -> None:
        program = self._dice.choice(self._programs)
        program.move_to(self._dice.choice(program.urls))


def _faults_of(host: Machine) -> dict[str, Fault]:
    async def kill(seconds: float) -> None:
        await host.kill()
        await asyncio.sleep(seconds)
        await host.start()

    async def stop(seconds: float) -> None:
        await host.stop()
        await asyncio.sleep(seconds)
        await host.start()

    async def freeze(seconds: float) -> None:
        host.freeze()
        await asyncio.sleep(seconds)
        host.thaw()

    async def cut_off(seconds: float) -> None:
        host.cut_off()
        await asyncio.sleep(seconds)
        host.heal()

    async def reset(seconds: float) -> None:
        host.proxy.cut()

    return {
        "killed": Fault(0, 3, kill),
        "stopped": Fault(0, 3, stop),
        "frozen": Fault(0.1, 8, freeze),
        "cut off": Fault(0.1, 8, cut_off),
        "reset": Fault(0, 0, reset),
    }
