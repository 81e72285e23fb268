"""Sentinels say where the primary is, before and after a failover."""

from __future__ import annotations

import asyncio
from typing import Callable

from fleet.hosts import Host, Hosts, soon
from fleet.redis_server import RedisServer, free_port
from signaling_server.core.config.fleet_types import Sentinel

Start = Callable[..., RedisServer]
SENTINELS = ("--sentinel",)


def watch(redis: RedisServer) -> list[str]:
    """The configuration of a sentinel that decides alone, and soon."""
    return [
        f"sentinel monitor hawkeye 127.0.0.1 {redis.port} 1",
        "sentinel down-after-milliseconds hawkeye 500",
        "sentinel failover-timeout hawkeye 3000",
    ]


def known(*addresses: int, master: str = "hawkeye") -> Sentinel:
    return Sentinel(master, tuple(("127.0.0.1", port) for port in addresses))


async def test_primary_is_found_by_the_first_sentinel_that_answers(
    redis: RedisServer, start_redis: Start, hosts: Hosts
) -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    sentinel = start_redis("sentinel", *watch(redis), arguments=SENTINELS)
    ports = (free_port(), silent.sockets[0].getsockname()[1], sentinel.port)
    a = await hosts.start("redis://", sentinel=known(*ports))
    assert a.changes == [True]
    assert redis.ask("EXISTS", f"{{{hosts.prefix}}}:host:a") == "1"
    assert a.engine._primary._sentinels[0] == ("127.0.0.1", sentinel.port)  # asked first next time
    silent.close()


async def test_sentinels_that_do_not_help_are_named(
    redis: RedisServer, start_redis: Start, hosts: Hosts
) -> None:
    sentinel = start_redis("sentinel", *watch(redis), arguments=SENTINELS)
    nobody = free_port()
    unknown = known(nobody, sentinel.port, master="other")
    a = await hosts.start("redis://", sentinel=unknown, announced=False)
    assert a.changes == []
    assert f":{nobody}" in a.engine.lost_because
    assert f"redis://127.0.0.1:{sentinel.port} knows no other" in a.engine.lost_because


async def test_after_a_failover_hosts_meet_at_the_new_primary(
    redis: RedisServer, start_redis: Start, hosts: Hosts
) -> None:
    replica = start_redis("replica", f"replicaof 127.0.0.1 {redis.port}")
    sentinel = start_redis("sentinel", *watch(redis), arguments=SENTINELS)
    a = await hosts.start("redis://", "a", sentinel=known(sentinel.port))
    b = await hosts.start("redis://", "b", sentinel=known(sentinel.port))

    async def replica_is_known() -> bool:
        return "runid" in sentinel.ask("SENTINEL", "REPLICAS", "hawkeye")

    await soon(replica_is_known)
    redis.kill()
    await asyncio.gather(*(_until_back(host) for host in (a, b)))
    await asyncio.gather(a.announce(), b.announce())
    assert await a.engine.claim(["one"]) == ["a"]
    assert await b.engine.claim(["one"]) == ["a"]
    assert await a.engine.publish("b", "hello") == 1
    await b.until(lambda: b.heard == ["hello"])
    assert replica.ask("HGET", f"{{{hosts.prefix}}}:rooms", "one") == "a"


async def _until_back(host: Host) -> None:
    await host.until(lambda: len(host.changes) >= 3 and host.changes[-1])
