"""What a host shows of its fleet, from two hosts in virtual time."""

from __future__ import annotations

import asyncio

from fleet.memory_engine import MemoryRedis
from fleet.simulation import Host
from fuzz.test_fleet_model import CONFIG, play
from signaling_server.core.lone_peer import LonePeer
from signaling_server.fleet.seen import Seen

ENDS = "far_connections", "edge_connections"


def seen_of(host: Host) -> Seen:
    seen = Seen()
    seen.fleet = host.fleet
    return seen


def samples(seen: Seen) -> dict[str, float]:
    """All metrics of the fleet by their names and labels."""
    rows = [row for family in seen.families() for row in family.rows]
    parts = [row.rpartition(" ") for row in rows if not row.startswith("#")]
    return {name.replace("hawkeye_fleet_", ""): float(value) for name, _, value in parts}


def test_without_a_fleet_there_is_nothing_to_show() -> None:
    seen = Seen()
    assert (seen.state(), seen.hosts(), seen.families(), seen.lone()) == (None, {}, [], ())


def test_each_client_is_shown_with_its_host() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = [await Host(CONFIG, name, redis).start() for name in "ab"]
        await asyncio.sleep(2)
        client = await a.connect("1", {}, room="north", name="gcom")
        far = await b.connect("2", {}, room="north", name="node")
        await asyncio.sleep(1.5)
        owner, edge = seen_of(a), seen_of(b)
        assert (owner.hosts(), edge.hosts()) == ({far.sio: "b"}, {})
        state = edge.state()
        assert state is not None
        assert (state.name, [host.name for host in state.hosts]) == ("b", ["b", "a"])
        counts = [
            {name: samples(seen)[name] for name in ("up", "links", *ENDS)} for seen in (owner, edge)
        ]
        assert counts == [
            {"up": 1, "links": 1, "far_connections": 1, "edge_connections": 0},
            {"up": 1, "links": 1, "far_connections": 0, "edge_connections": 1},
        ]
        assert not client.ended
        for host in (a, b):
            await host.stop()

    play(scene)


def test_hosts_hear_who_is_alone_at_others() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        a, b = [await Host(CONFIG, name, redis).start() for name in "ab"]
        b.lone = (LonePeer("node", "drone-1", "node"),)
        await asyncio.sleep(3)
        assert seen_of(a).lone() == [LonePeer("node", "drone-1", "node", "b")]
        assert seen_of(b).lone() == []
        b.lone = ()
        await asyncio.sleep(3)
        assert seen_of(a).lone() == []
        for host in (a, b):
            await host.stop()

    play(scene)


def test_figures_of_links_are_those_of_all_that_are_up() -> None:
    async def scene() -> None:
        redis = MemoryRedis()
        hosts = [await Host(CONFIG, name, redis).start() for name in "abc"]
        seen = seen_of(hosts[0])
        await asyncio.sleep(2)
        await hosts[0].connect("1", {}, room="north", name="gcom")
        far = await hosts[1].connect("2", {}, room="north", name="node")
        await asyncio.sleep(1.5)
        found = samples(seen)
        trips = {name: value for name, value in found.items() if name.startswith("round_trip")}
        assert sorted(trips) == [f'round_trip_seconds{{host="{name}"}}' for name in "bc"]
        assert found["links"] == 2
        assert found['batches_total{direction="in"}'] > 2
        assert found["unacked_bytes"] == found["resent_total"] == found["gaps_total"] == 0
        redis.leave()
        far_seen = seen_of(hosts[1])
        hosts[1].handlers.relay_signal(far.sid, '{"type":"offer","data":{"sdp":"x"}}', "")
        await asyncio.sleep(1.5)
        found = samples(seen)
        assert found["up"] == 0
        assert samples(far_seen)["unacked_bytes"] > 0
        redis.come_back()
        await asyncio.sleep(3)
        found = samples(far_seen)
        assert (found["up"], found["unacked_bytes"]) == (1, 0)
        assert found["resent_total"] > 0
        for host in hosts:
            await host.stop()

    play(scene)
