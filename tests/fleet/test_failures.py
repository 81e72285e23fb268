"""The failure table of docs/fleet.md, on real processes and a real redis-server.

Two programs call each other over two hosts, each says something 100 times a second, and something
breaks. In every row nothing is heard twice and nothing in another order. Where a row is about what
notices a failure, whatever else could notice it is set so late that the test could not pass by it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from fleet.call import Call
from fleet.machine import Machine, Machines
from fleet.program import Program
from fleet.redis_server import RedisServer

LATE = 60
"""Seconds: later than the end of each test."""


@pytest.fixture
def calls(loop: asyncio.AbstractEventLoop) -> Any:
    started: list[Program] = []

    async def call(owner: Machine, edge: Machine, *others: Machine) -> Call:
        """Both know all hosts, and begin with their own."""
        urls = [machine.url for machine in others]
        gcom = Program("gcom", "drone", [owner.url, edge.url, *urls])
        drone = Program("drone", "gcom", [edge.url, owner.url, *urls])
        started.extend([gcom, drone])
        await gcom.start()
        await drone.start()
        gcom.speak()
        drone.speak()
        call = Call(gcom, drone)
        await call.both_hear(time.monotonic())
        return call

    yield call
    loop.run_until_complete(asyncio.gather(*(program.stop() for program in started)))


def figure(record: Any, what: str, seconds: float) -> None:
    """Keep what was measured, for the table."""
    record(what, round(seconds, 2))
    print(f"{what}: {seconds:.2f} s")


async def test_nothing_happens(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b")
    call = await calls(a, b)
    await asyncio.sleep(3)
    await call.drain()
    call.assert_undisturbed()
    figure(record_property, "longest gap", call.gcom.longest_gap())


async def test_owner_is_killed(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": LATE})
    call = await calls(a, b)
    moment = time.monotonic()
    await a.kill()
    figure(record_property, "until both hear", await call.both_hear(moment))
    assert [welcome["resumed"] for welcome in call.drone.welcomes] == [False, False]
    call.assert_in_order()


async def test_owner_stops(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": LATE})
    call = await calls(a, b)
    moment = time.monotonic()
    await a.stop()
    figure(record_property, "until both hear", await call.both_hear(moment))
    call.assert_in_order()


async def test_edge_is_killed(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": LATE})
    call = await calls(a, b)
    moment = time.monotonic()
    await b.kill()
    figure(record_property, "until both hear", await call.both_hear(moment))
    assert [welcome["resumed"] for welcome in call.drone.welcomes] == [False, True]
    assert call.gcom.breaks == []
    assert "peer_left" not in [event for event, _ in call.gcom.events]
    call.assert_in_order()


async def test_redis_restarts_empty(
    machines: Machines, calls: Any, redis: RedisServer, record_property: Any
) -> None:
    a, b = await machines.start("a", "b", fleet={"patience": LATE})
    call = await calls(a, b)
    redis.kill()
    await asyncio.sleep(0.3)
    redis.start()
    await call.both_hear(time.monotonic())
    figure(record_property, "longest gap", call.gcom.longest_gap())
    await call.drain()
    call.assert_undisturbed()


async def test_redis_is_away_for_less_than_the_patience(
    machines: Machines, calls: Any, redis: RedisServer, record_property: Any
) -> None:
    a, b = await machines.start("a", "b", fleet={"patience": LATE})
    call = await calls(a, b)
    redis.freeze()
    await asyncio.sleep(2)
    redis.thaw()
    await call.both_hear(time.monotonic())
    figure(record_property, "longest gap", call.gcom.longest_gap())
    await call.drain()
    call.assert_undisturbed()


async def test_redis_is_away_for_longer_than_the_patience(
    machines: Machines, calls: Any, redis: RedisServer, record_property: Any
) -> None:
    a, b = await machines.start("a", "b", fleet={"patience": 1})
    call = await calls(a, b)
    moment = time.monotonic()
    redis.kill()
    await call.drone.until(lambda: bool(call.drone.breaks))
    figure(record_property, "apart after", call.drone.breaks[0] - moment)
    await call.drone.until(lambda: len(call.drone.welcomes) == 2)  # alone, on its own host
    assert call.drone.welcomes[1]["peers"] == []
    moment = time.monotonic()
    redis.start()
    figure(record_property, "together again after", await call.both_hear(moment))
    call.assert_in_order()


async def test_redis_is_away_and_nobody_on_one_host_notices(
    machines: Machines, calls: Any, redis: RedisServer, record_property: Any
) -> None:
    a, _ = await machines.start("a", "b", fleet={"patience": 1})
    call = await calls(a, a)
    redis.kill()
    await a.server.line("this host goes on alone")
    redis.start()
    await a.server.line("this host is part of the fleet again")
    await call.both_hear(time.monotonic())
    figure(record_property, "longest gap", call.gcom.longest_gap())
    await call.drain()
    call.assert_undisturbed()


async def test_owner_is_frozen(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": 2})
    call = await calls(a, b)
    moment = time.monotonic()
    a.freeze()
    await call.drone.until(lambda: bool(call.drone.breaks))
    figure(record_property, "drone hung up after", call.drone.breaks[0] - moment)
    await call.drone.until(lambda: len(call.drone.welcomes) > 1)
    moment = time.monotonic()
    a.thaw()
    figure(record_property, "together again after", await call.both_hear(moment))
    call.assert_in_order()


async def test_owner_is_cut_off(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": 2, "patience": 1})
    call = await calls(a, b)
    moment = time.monotonic()
    a.cut_off()
    await call.drone.until(lambda: bool(call.drone.breaks))
    figure(record_property, "apart after", call.drone.breaks[0] - moment)
    await call.drone.until(lambda: len(call.drone.welcomes) > 1)
    moment = time.monotonic()
    a.heal()
    figure(record_property, "together again after", await call.both_hear(moment))
    call.assert_in_order()


async def test_owner_with_both_peers_is_cut_off(
    machines: Machines, calls: Any, record_property: Any
) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": 2, "patience": 1})
    call = await calls(a, a)
    a.cut_off()
    await b.server.line("host a has left the fleet")
    await a.server.line("this host goes on alone")
    a.heal()
    await b.server.line("host a is part of the fleet", after=len(b.log))
    await call.both_hear(time.monotonic())
    figure(record_property, "longest gap", call.gcom.longest_gap())
    await call.drain()
    call.assert_undisturbed()


async def test_edge_is_cut_off(machines: Machines, calls: Any, record_property: Any) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": 2, "patience": 1})
    call = await calls(a, b)
    call.drone.urls = [b.url]
    moment = time.monotonic()
    b.cut_off()
    await call.drone.until(lambda: len(call.drone.welcomes) > 1)  # alone, on its own host
    figure(record_property, "apart after", call.drone.breaks[0] - moment)
    moment = time.monotonic()
    b.heal()
    figure(record_property, "together again after", await call.both_hear(moment))
    assert call.gcom.breaks == []
    call.assert_in_order()


async def test_edge_is_cut_off_for_less_than_the_patience(
    machines: Machines, calls: Any, record_property: Any
) -> None:
    a, b = await machines.start("a", "b", fleet={"lease": LATE, "patience": LATE})
    call = await calls(a, b)
    b.cut_off()
    await asyncio.sleep(2)
    b.heal()
    await call.both_hear(time.monotonic())
    figure(record_property, "longest gap", call.gcom.longest_gap())
    await call.drain()
    call.assert_undisturbed()


async def test_all_hosts_are_killed_and_come_back(
    machines: Machines, calls: Any, record_property: Any
) -> None:
    a, b = await machines.start("a", "b")
    call = await calls(a, b)
    moment = time.monotonic()
    await asyncio.gather(a.kill(), b.kill())
    await asyncio.sleep(1)
    await asyncio.gather(a.start(), b.start())
    figure(record_property, "until both hear", await call.both_hear(moment))
    call.assert_in_order()


async def test_two_hosts_with_one_name(machines: Machines, calls: Any) -> None:
    elder, other = machines.make("a"), machines.make("b")
    younger = machines.make("a2", fleet={"name": "a"})
    await elder.start()
    await other.start()
    await younger.start()
    await elder.server.line("another host is named a: this is a-")
    call = await calls(elder, younger)
    await call.drain()
    call.assert_undisturbed()
