"""What holds on one host holds for clients on two, with real processes and python-socketio.

The first that joins a room has its host own it; the tests let each side be that one.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator, NamedTuple

import pytest

from fleet.machine import Machine, Machines
from fleet.redis_server import RedisServer
from integration.client import Client, PythonClient
from integration.credentials import new_token, write_tokens

_rooms = itertools.count()
ORDERS = [(0, 1), (1, 0)]
"""On which of the two hosts the first of a test joins, and the second."""


class Two(NamedTuple):
    """Two hosts, and a way to their rooms."""

    hosts: list[Machine]
    join: Callable[..., Awaitable[Client]]


@pytest.fixture
def two(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, shared_redis: RedisServer
) -> Iterator[Two]:
    machines, clients = Machines(tmp_path, shared_redis), []
    room = f"room-{next(_rooms)}"
    fleet = {"prefix": room}
    hosts = loop.run_until_complete(machines.start("a", "b", fleet=fleet))

    async def join(host: int, name: str, transport: str = "websocket", **auth: Any) -> Client:
        client = PythonClient(transport)
        clients.append(client)
        query = f"room={room}&name={name}"
        await client.connect(f"{hosts[host].url}/?{query}", auth=auth or None)
        client.welcome = await client.next("welcome")
        return client

    yield Two(hosts, join)
    loop.run_until_complete(asyncio.gather(*(client.disconnect() for client in clients)))
    loop.run_until_complete(machines.end())


def signal_of(kind: str, number: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "data": {"number": number}, **fields}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("hosts", ORDERS)
async def test_peers_on_two_hosts_call_each_other(
    two: Two, hosts: tuple[int, int], transport: str
) -> None:
    node = await two.join(hosts[0], "node", transport)
    gcom = await two.join(hosts[1], "gcom", transport)
    assert [peer["peer_id"] for peer in gcom.welcome["peers"]] == ["node"]
    told = await node.next("peer_joined"), await gcom.next("peer_joined")
    assert [(one["peer_id"], one["polite"]) for one in told] == [("gcom", False), ("node", True)]
    delivered = {"ok": True, "delivered": 1, "held": False}
    assert await node.call("signal", signal_of("offer")) == delivered
    assert (await gcom.next("signal"))["from"] == "node"
    assert await gcom.call("signal", signal_of("answer", to="node")) == delivered
    assert (await node.next("signal"))["type"] == "answer"
    for number in range(50):
        await gcom.emit("signal", signal_of("ice-candidate", number))
    heard = [await node.next("signal") for _ in range(50)]
    assert [one["data"]["number"] for one in heard] == [*range(50)]
    answer = await gcom.call("signal", signal_of("offer", to="nobody"))
    assert answer["error"]["code"] == "peer-not-found"
    answer = await gcom.call("signal", {"type": "nonsense"})
    assert answer["error"]["code"] == "invalid-type"
    assert "ice_servers" in await gcom.call("ice_servers")
    assert await gcom.call("report", {"state": "connected"}) == {"ok": True}
    await node.disconnect()
    assert (await gcom.next("peer_left"))["peer_id"] == "node"


@pytest.mark.parametrize("hosts", ORDERS)
async def test_newer_connection_on_another_host_takes_the_name_over(
    two: Two, hosts: tuple[int, int]
) -> None:
    node = await two.join(hosts[0], "node")
    gcom = await two.join(0, "gcom")
    newer = await two.join(hosts[1], "node")
    assert (await node.next("error"))["code"] == "replaced"
    assert await node.has_given_up()
    await gcom.next("peer_joined")
    assert (await gcom.next("peer_joined"))["rejoined"] is True
    await gcom.emit("signal", signal_of("offer"))
    assert (await newer.next("signal"))["from"] == "gcom"


async def test_signal_to_nobody_waits_for_whoever_joins_at_another_host(two: Two) -> None:
    gcom = await two.join(0, "gcom")
    node = await two.join(1, "node")
    await gcom.disconnect()
    await node.next("peer_left")
    answer = await node.call("signal", signal_of("offer"))
    assert answer == {"ok": True, "delivered": 0, "held": True}
    gcom = await two.join(0, "gcom")
    assert (await node.next("peer_joined"))["held"] == 1
    assert (await gcom.next("signal"))["type"] == "offer"


async def test_room_has_as_many_peers_as_its_owner_allows(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, shared_redis: RedisServer
) -> None:
    machines = Machines(tmp_path, shared_redis)
    try:
        fleet = {"prefix": "full"}
        hosts = await machines.start("a", "b", fleet=fleet, rooms={"max_peers": 1})
        first, second = PythonClient("websocket"), PythonClient("websocket")
        await first.connect(f"{hosts[0].url}/?room=r&name=node")
        await first.next("welcome")
        await second.connect(f"{hosts[1].url}/?room=r&name=gcom")
        await hosts[0].server.line("room r: refused gcom from 127.0.0.1: room-full")
        await asyncio.gather(first.disconnect(), second.disconnect())
    finally:
        await machines.end()


async def test_host_that_revokes_a_token_ends_its_clients_wherever_they_are_served(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, shared_redis: RedisServer
) -> None:
    made = {name: new_token(name, "drone-1") for name in ("node", "gcom")}
    machines = Machines(tmp_path, shared_redis)
    try:
        hosts, clients = [], []
        for name in ("a", "b"):
            folder = tmp_path / f"tokens of {name}"
            folder.mkdir()
            file = write_tokens(folder, [line for _, line in made.values()])
            auth, fleet = {"tokens_file": file}, {"prefix": "revoked"}
            hosts.append(machines.make(name, auth=auth, fleet=fleet))
            await hosts[-1].start()
        for host, (token, _) in zip(hosts, made.values()):
            clients.append(PythonClient("websocket"))
            await clients[-1].connect(host.url, auth={"token": token})
            await clients[-1].next("welcome")
        node, gcom = clients
        await node.next("peer_joined")
        write_tokens(tmp_path / "tokens of b", [made["node"][1]])
        hosts[1].server.send(signal.SIGHUP)
        assert (await gcom.next("error"))["code"] == "unauthorized"
        assert (await node.next("peer_left"))["reason"] == "unauthorized"
        assert await gcom.has_given_up()
        await hosts[1].server.line("host a has other room rules or tokens")
        await asyncio.gather(*(client.disconnect() for client in clients))
    finally:
        await machines.end()


async def owner_has_heard_of_it(owner: Machine, token: str) -> None:
    while True:
        if (await owner.metrics(token)).get('hawkeye_fleet_records_total{kind="withdrawn"}'):
            return
        await asyncio.sleep(0.05)


async def test_host_that_revokes_a_token_while_it_is_cut_off_tells_that_afterwards(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, shared_redis: RedisServer
) -> None:
    made = {name: new_token(name, "drone-1") for name in ("node", "gcom")}
    reader, line = new_token("reader")
    lines = [line.replace("}", ", can: [status]}"), *(line for _, line in made.values())]
    machines = Machines(tmp_path, shared_redis)
    try:
        hosts = []
        for name in ("a", "b"):
            folder = tmp_path / f"tokens of {name}"
            folder.mkdir()
            file = write_tokens(folder, lines)
            # Held signals and sessions expire after the test: only the revocation removes them.
            keeping = {"hold": {"max_age": 600}, "resume": {"window": 600}}
            fleet = {"prefix": "cut-off", "lease": 2}
            hosts.append(machines.make(name, auth={"tokens_file": file}, fleet=fleet, **keeping))
            await hosts[-1].start()
        owner, edge = hosts
        first, gcom = PythonClient("websocket"), PythonClient("websocket")
        await first.connect(owner.url, auth={"token": made["node"][0]})
        await first.next("welcome")
        await gcom.connect(edge.url, auth={"token": made["gcom"][0], "session": "key of gcom"})
        await gcom.next("welcome")
        await first.disconnect()
        await gcom.next("peer_left")
        assert (await gcom.call("signal", {"type": "offer", "data": {"number": 1}}))["held"]
        edge.cut_off()
        write_tokens(tmp_path / "tokens of b", lines[:2])
        edge.server.send(signal.SIGHUP)
        await gcom.next("disconnect")
        await owner.server.line("the link to host b has ended")
        edge.heal()
        await owner_has_heard_of_it(owner, reader)
        node = PythonClient("websocket")
        await node.connect(owner.url, auth={"token": made["node"][0]})
        await node.next("welcome")
        assert (await node.call("signal", {"type": "answer", "data": {}}))["held"]
        assert "signal" not in node.heard  # a held one comes before the answer to a signal
        await asyncio.gather(node.disconnect(), gcom.disconnect())
    finally:
        await machines.end()
