"""What a host tells of its fleet, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from fleet.memory_engine import MemoryRedis
from fleet.simulation import Host
from fuzz.test_fleet_model import CONFIG, play


def test_state_shows_hosts_rooms_elsewhere_and_how_long_redis_is_away() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = [await Host(CONFIG, name, redis).start() for name in "ab"]
        await asyncio.sleep(2)
        await a.connect("1", {}, room="north", name="gcom")
        await b.connect("2", {}, room="north", name="node")
        await asyncio.sleep(1.5)
        assert a.fleet is not None
        assert b.fleet is not None
        state = b.fleet.state()
        assert (state.name, state.state, state.sentences) == ("b", "together", [])
        assert [(host.name, host.linked) for host in state.hosts] == [("b", True), ("a", True)]
        assert state.hosts[1].silent < 1.1
        (elsewhere,) = state.elsewhere
        assert (elsewhere.room, elsewhere.clients) == ("north", ("node",))
        assert elsewhere.owner == a.fleet.instance
        assert a.fleet.state().elsewhere == []
        redis.leave()
        await asyncio.sleep(2)
        state = a.fleet.state()
        assert state.sentences == [
            "Redis has not answered for 2 s: rooms on one host go on (Redis is away)"
        ]
        await asyncio.sleep(5)
        state = a.fleet.state()
        assert (state.state, a.fleet.alone) == ("alone", True)
        assert "for 7 s: rooms on two hosts are apart" in state.sentences[0]
        assert state.seconds == 4.0
        redis.come_back()
        await asyncio.sleep(3)
        assert (a.fleet.state().state, a.fleet.state().lost) == ("together", 0.0)
        await b.stop()
        await asyncio.sleep(0.1)
        assert [host.name for host in a.fleet.state().hosts] == ["a", "b"]
        await asyncio.sleep(1.5)
        assert [host.name for host in a.fleet.state().hosts] == ["a"]
        await a.stop()

    play(scene)


def test_two_hosts_with_one_name_are_told_apart() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        elder, younger = [await Host(CONFIG, "a", redis).start() for _ in range(2)]
        await asyncio.sleep(2.5)
        assert elder.fleet is not None
        assert younger.fleet is not None
        assert younger.fleet.state().name == "a"
        assert elder.fleet.state().name.startswith("a-")
        (warning,) = elder.fleet.state().warnings
        assert warning.startswith("another host is named a: this is a-")
        assert [host.name for host in younger.fleet.state().hosts] == [
            "a",
            elder.fleet.state().name,
        ]
        for host in (elder, younger):
            await host.stop()

    play(scene)


def test_lines_about_another_host_carry_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = [await Host(CONFIG, name, redis).start() for name in "ab"]
        await asyncio.sleep(2.5)
        assert a.fleet is not None
        assert b.fleet is not None
        a.fleet.links.part(b.fleet.instance, "violation")
        await asyncio.sleep(2)
        await b.stop()
        await asyncio.sleep(2)
        await a.stop()

    with caplog.at_level(logging.INFO, "signaling_server"):
        play(scene)
    instance = re.compile(r"(?<=the fleet) \(\w+\)$")
    told = {
        (instance.sub("", record.getMessage()), getattr(record, "HAWKEYE_HOST", None))
        for record in caplog.records
    }
    assert {
        ("host b is part of the fleet", "b"),
        ("the link to host b has ended (violation)", "b"),
        ("the link to host b has ended (stopped)", "b"),
        ("host b has left the fleet", "b"),
        ("host a is part of the fleet", "a"),
    } <= told, told
