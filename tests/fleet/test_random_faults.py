"""Calls over three hosts, and faults of all kinds at random: real processes, a real redis-server.

Storms of faults, and a calm after each: then the two of each call must hear each other again, and
nobody may have heard anything twice or in another order. `FLEET_SEED` repeats the sequences of
faults of a run that printed it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import random
import time
from typing import Any

import pytest

from fleet.call import Call
from fleet.hosts import soon
from fleet.machine import Machine, Machines
from fleet.program import Program
from fleet.redis_server import RedisServer
from fleet.storm import Storm

STORM_SECONDS = 20.0
BOUND = 15.0
"""Seconds from the end of the last fault until all programs hear each other. After many faults at
once this takes a lease of 4 s, 3 s during which no host is called dead, and the start of a process.
"""
PAUSE = 0.04
SEED = 4
NAMES = "a", "b", "c"


async def _call(room: str, hosts: list[Machine]) -> Call:
    """The two begin at the first and the second host, and know all."""
    urls = [host.url for host in hosts]
    gcom = Program("gcom", "drone", urls, room, PAUSE)
    drone = Program("drone", "gcom", [*urls[1:], urls[0]], room, PAUSE)
    await asyncio.gather(gcom.start(), drone.start())
    gcom.speak()
    drone.speak()
    return Call(gcom, drone)


async def _on_two_hosts(call: Call) -> None:
    """Let the two be at different hosts, and hear each other."""
    gcom, drone = call
    if gcom.url == drone.url:
        drone.move_to(next(url for url in drone.urls if url != gcom.url))
        await drone.until(lambda: gcom.url != drone.url)
    await call.both_hear(time.monotonic())


async def _has_both_links(host: Machine) -> bool:
    metrics = await host.metrics()
    return metrics["hawkeye_fleet_links"] == len(NAMES) - 1 and metrics["hawkeye_fleet_up"] == 1


async def _all_is_well(hosts: list[Machine], calls: list[Call], moment: float) -> list[float]:
    """Wait until both sides of each call hear what is said after a moment, all hosts are linked to
    all, and both sides hear each other over two hosts as well.

    Returns the seconds until all hear each other, and until everything is so.
    """
    heard = await asyncio.gather(*(call.both_hear(moment) for call in calls))
    await asyncio.gather(*(soon(functools.partial(_has_both_links, host)) for host in hosts))
    await asyncio.gather(*(_on_two_hosts(call) for call in calls))
    return [max(heard), time.monotonic() - moment]


async def brave(
    machines: Machines, redis: RedisServer, seconds: float, seed: int
) -> dict[str, Any]:
    """Go through storms for so long; returns what was counted."""
    hosts = await machines.start(*NAMES)
    calls = [await _call(f"drone-{n}", hosts[n:] + hosts[:n]) for n in range(len(NAMES))]
    programs = [program for call in calls for program in call]
    storm = Storm(seed, hosts, redis, programs)
    recovered = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            await storm.rage(STORM_SECONDS)
            whole = _all_is_well(hosts, calls, time.monotonic())
            recovered.append(await asyncio.wait_for(whole, BOUND))
            heard, well = recovered[-1]
            print(f"all hear each other after {heard:.2f} s; over two hosts after {well:.2f} s")
            for call in calls:
                call.assert_in_order()
    finally:
        await asyncio.gather(*(program.stop() for program in programs))
        for program in programs:
            where = f"{program.name} at {program.url}, with {sorted(program.peers)}"
            print(f"{where}: said {len(program.sent)}, heard {len(program.heard)}")
    for host in hosts:
        bad = [line for line in host.log if "Traceback" in line or "breaks the protocol" in line]
        assert bad == [], host.name
    return {
        "faults": sum(storm.faults.values()),
        **dict(sorted(storm.faults.items())),
        "said": sum(len(program.sent) for program in programs),
        "heard": sum(len(program.heard) for program in programs),
        "longest until all hear each other": round(max(heard for heard, _ in recovered), 2),
        "longest until they do over two hosts": round(max(well for _, well in recovered), 2),
        "storms": len(recovered),
    }


@pytest.mark.parametrize(
    ("seconds", "seed"),
    [
        pytest.param(120, SEED, id="ci"),
        pytest.param(1800, random.randrange(10**6), id="soak", marks=pytest.mark.soak),
    ],
)
def test_nothing_comes_twice_or_out_of_order_and_all_calls_meet_again(
    loop: asyncio.AbstractEventLoop,
    machines: Machines,
    redis: RedisServer,
    record_property: Any,
    seconds: float,
    seed: int,
) -> None:
    seed = int(os.environ.get("FLEET_SEED", seed))
    print(f"FLEET_SEED={seed}")
    for what, count in loop.run_until_complete(brave(machines, redis, seconds, seed)).items():
        record_property(what, count)
        print(f"{what}: {count}")
