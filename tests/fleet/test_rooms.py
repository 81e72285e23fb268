"""Where rooms are, in virtual time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fleet.memory_engine import MemoryRedis
from fleet.simulation import Host
from fuzz.test_fleet_model import CONFIG, play
from signaling_server.core.fleet.batch import RECORD, VERSION, Batch, encode_batch
from signaling_server.core.fleet.mac import signer


async def two(redis: MemoryRedis) -> list[Host]:
    hosts = [await Host(CONFIG, name, redis).start() for name in "ab"]
    await asyncio.sleep(2)
    return hosts


def test_room_that_redis_believes_a_host_serves_which_does_not_is_free() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = await two(redis)
        assert b.fleet is not None
        redis.rooms["north"] = b.fleet.instance
        client = await a.connect("1", {}, room="north", name="gcom")
        assert client.written[0].startswith('2["welcome"')
        assert list(a.relay.rooms) == ["north"]
        for host in (a, b):
            await host.stop()

    play(scene)


def test_room_is_free_when_nobody_is_in_it_any_longer() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = await two(redis)
        client = await a.connect("1", {}, room="north")
        far = await b.connect("2", {}, room="north")
        client.end_with("transport close")
        await asyncio.sleep(5)
        assert list(redis.rooms) == ["north"]
        far.end_with("transport close")
        await asyncio.sleep(5)
        assert redis.rooms == {}
        for host in (a, b):
            assert host.fleet is not None
            assert host.fleet._ownership.rooms == {}
            await host.stop()

    play(scene)


def test_many_clients_are_not_hung_up_in_one_instant() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = await two(redis)
        await a.connect("owner", {}, room="north")
        loop, ends = asyncio.get_running_loop(), []
        for number in range(200):
            client = await b.connect(f"{number}", {}, room="north")
            client.when_ended = lambda: ends.append(loop.time())
        start = loop.time()
        a.kill()
        await asyncio.sleep(5)
        assert len(ends) == 200
        assert max(ends) - min(ends) > 0.05  # 2,000 a second
        assert max(ends) - start < 2
        for host in (a, b):
            await host.stop()

    play(scene)


@pytest.mark.parametrize("secret", [b"", b"another"])
def test_who_does_not_know_the_secret_is_not_heard(
    secret: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = await two(redis)
        hello = f"H\x1f{a.fleet and a.fleet.instance}\x1f{VERSION}\x1f{VERSION}"
        forged = Batch("stranger", "g", "", 0, 0, hello)
        a.engine._heard(encode_batch(forged, signer(secret)))
        a.engine._heard(f"nonsense{RECORD}")
        assert a.fleet is not None
        assert "stranger" not in a.fleet.links.links
        for host in (a, b):
            await host.stop()

    with caplog.at_level(logging.WARNING):
        play(scene)
    assert caplog.text.count("not of this fleet") == 2


def test_host_that_breaks_the_protocol_loses_its_link_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = await two(redis)
        assert a.fleet is not None
        assert b.fleet is not None
        here = await a.connect("1", {}, room="north", name="gcom")
        far = await b.connect("2", {}, room="north", name="node")
        link = b.fleet.links.links[a.fleet.instance]
        link._out.put("S\x1fnobody\x1f\x1foffer\x1f\x1f2\x1f{}")
        b.fleet.links._flush()
        await asyncio.sleep(0.5)
        assert not here.ended
        assert far.ended
        again = await b.connect("3", {}, room="north", name="node")
        assert '"peer_id":"gcom"' in again.written[0]
        for host in (a, b):
            await host.stop()

    with caplog.at_level(logging.WARNING):
        play(scene)
    assert "host b breaks the protocol" in caplog.text
