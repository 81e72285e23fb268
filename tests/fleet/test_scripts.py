"""What the scripts do to the keys of a fleet, in a real Redis."""

from __future__ import annotations

import pytest

from fleet.hosts import Hosts, soon
from fleet.redis_server import RedisServer


async def test_free_rooms_become_ours_and_stay_so(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url)
    assert await a.engine.claim(["one", "two"]) == ["a", "a"]
    assert await a.engine.claim(["two", "three"]) == ["a", "a"]


async def test_room_of_a_living_host_stays_its_own(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    await a.engine.claim(["one"])
    assert await b.engine.claim(["one", "two"]) == ["a", "b"]
    assert await a.engine.claim(["one", "two"]) == ["a", "b"]


async def test_room_of_a_host_whose_lease_has_ended_is_free(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url, "a", announced=False)
    b = await hosts.start(shared_redis.url, "b")
    await a.announce(lease=300)
    await a.engine.claim(["one"])
    assert await b.engine.claim(["one"]) == ["a"]

    async def ours() -> bool:
        return await b.engine.claim(["one"]) == ["b"]

    await soon(ours)
    assert await a.engine.claim(["one"]) == ["b"]
    assert await a.engine.beat("record", 1000) is False
    assert await b.engine.bury("a", False) == 0  # the room has been taken from its set, too


async def test_beats_keep_a_lease_and_carry_the_record(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url, announced=False)
    assert await a.engine.beat("never announced", 1000) is False
    await a.announce("before", lease=1000)
    assert await a.engine.beat("after", 60_000) is True
    assert await a.engine.hosts() == {"a": "after"}
    left = int(shared_redis.ask("PTTL", f"{{{hosts.prefix}}}:host:a"))
    name_left = int(shared_redis.ask("PTTL", f"{{{hosts.prefix}}}:name:name of a"))
    assert min(left, name_left) > 30_000


async def test_only_our_own_rooms_are_released(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    await a.engine.claim(["one"])
    await b.engine.claim(["two"])
    await b.engine.release(["one", "two", "three"])
    assert await a.engine.claim(["one", "two"]) == ["a", "a"]


async def test_host_that_takes_a_name_ends_the_lease_of_the_one_that_had_it(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    before = await hosts.start(shared_redis.url, "a1", name="a")
    await before.engine.claim(["one"])
    after = await hosts.start(shared_redis.url, "a2", name="a")
    assert await before.engine.beat("record", 60_000) is False
    assert await after.engine.claim(["one"]) == ["a2"]
    assert await after.engine.beat("record", 60_000) is True
    before.engine.name = "a-7"  # the elder gives way
    await before.announce("another name")
    assert await after.engine.hosts() == {"a1": "another name", "a2": "record"}


async def test_dead_host_is_buried_in_steps(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    rooms = [f"room-{number}" for number in range(1200)]
    assert await a.engine.claim(rooms) == ["a"] * 1200
    await a.engine.stop()
    assert await b.engine.bury("a", False) == 0  # its lease still runs
    assert await b.engine.claim(rooms[:1]) == ["a"]
    steps = [await b.engine.bury("a", True) for _ in range(4)]
    assert steps == [500, 500, 200, 0]
    assert shared_redis.ask("HLEN", f"{{{hosts.prefix}}}:rooms") == "0"
    assert await b.engine.hosts() == {"b": "record"}
    assert await b.engine.claim(rooms) == ["b"] * 1200


async def test_host_that_listens_is_not_buried(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    await a.engine.claim(["one"])
    assert await b.engine.bury("a", True) == 0
    assert await b.engine.claim(["one"]) == ["a"]
    assert await a.engine.beat("record", 60_000) is True


async def test_burial_spares_rooms_that_another_has_claimed(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    await a.engine.claim(["one", "two"])
    shared_redis.ask("HSET", f"{{{hosts.prefix}}}:rooms", "one", "b")
    await a.engine.stop()
    assert await b.engine.bury("a", True) == 2
    assert shared_redis.ask("HGETALL", f"{{{hosts.prefix}}}:rooms").split() == ["one", "b"]


async def test_rooms_of_hosts_that_nobody_buries_do_not_stay_behind(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url, "a")
    await a.engine.claim(["one", "two"])
    await a.engine.stop()
    shared_redis.ask("DEL", f"{{{hosts.prefix}}}:host:a")
    b = await hosts.start(shared_redis.url, "b")
    assert await b.engine.hosts() == {"b": "record"}
    keys = shared_redis.ask("KEYS", f"{{{hosts.prefix}}}:*").split("\n")
    assert sorted(keys) == [
        f"{{{hosts.prefix}}}:{each}"
        for each in ("host:b", "hosts", "name:name of a", "name:name of b")
    ]


async def test_clean_stop_leaves_nothing(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url)
    await a.engine.claim([f"room-{number}" for number in range(700)])
    await a.engine.leave()
    assert shared_redis.ask("KEYS", f"{{{hosts.prefix}}}:*") == ""


async def test_leaving_host_spares_the_name_that_another_has_taken(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    before = await hosts.start(shared_redis.url, "a1", name="a")
    after = await hosts.start(shared_redis.url, "a2", name="a")
    await before.engine.leave()
    third = await hosts.start(shared_redis.url, "a3", name="a")
    assert await after.engine.beat("record", 60_000) is False
    assert await third.engine.beat("record", 60_000) is True


async def test_no_rooms_are_no_command(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url)
    assert await a.engine.claim([]) == []
    await a.engine.release([])


@pytest.mark.parametrize("room", ["a b", "Zürich-🚁", "x" * 64, "%s", "{hs}:"])
async def test_names_of_rooms_pass_unchanged(
    shared_redis: RedisServer, hosts: Hosts, room: str
) -> None:
    a = await hosts.start(shared_redis.url)
    assert await a.engine.claim([room]) == ["a"]
    assert shared_redis.ask("HEXISTS", f"{{{hosts.prefix}}}:rooms", room) == "1"


async def test_redis_that_has_forgotten_the_scripts_gets_them_again(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url)
    shared_redis.ask("SCRIPT", "FLUSH")
    assert await a.engine.claim(["one"]) == ["a"]
    assert a.changes == [True]
