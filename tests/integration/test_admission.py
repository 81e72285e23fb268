"""Which clients are admitted, which are refused, and which retry by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.client import Client
from integration.conftest import Visitors
from integration.server import ServerProcess

OFFER = {"type": "offer", "data": {}}


async def test_newest_client_with_a_name_replaces_the_older_one_for_good(
    visitors: Visitors, kind: str
) -> None:
    gcom = await visitors.join("gcom")
    ghost = await visitors.join("node", again=True)
    node = await visitors.join("node", kind="python-websocket")
    assert (await ghost.next("error"))["code"] == "replaced"
    await ghost.next("disconnect")
    assert await ghost.has_given_up()
    assert (await gcom.next("peer_joined"))["peer_id"] == "node"
    again = await gcom.next("peer_joined")
    assert (again["peer_id"], again["rejoined"]) == ("node", True)
    await gcom.call("signal", OFFER)
    assert (await node.next("signal"))["from"] == "gcom"
    assert "signal" not in ghost.heard
    assert "peer_left" not in gcom.heard


@pytest.mark.parametrize("place", ["query", "auth"])
@pytest.mark.parametrize("what", ["name", "room", "role"])
async def test_invalid_name_is_a_connect_error(
    visitors: Visitors, kind: str, what: str, place: str
) -> None:
    wrong = {what: "\N{HELICOPTER}\n"}
    client = visitors.make()
    if place == "auth":
        await client.connect(visitors.address(), auth=wrong, again=True)
    else:
        await client.connect(visitors.address(**wrong), again=True)
    error = await client.next("connect_error")
    assert error["message"]
    assert client.heard == []
    assert await client.has_given_up()


async def _refused_until_there_is_room(
    client: Client, address: str, auth: object, holder: Client
) -> None:
    """`client` retries in vain until `holder` leaves; its next try succeeds."""
    await client.connect(address, auth=auth, again=True)
    refused = "error" if auth else "connect_error"
    for _ in range(2):
        await client.next(refused)
    assert "welcome" not in client.heard
    await holder.disconnect()
    await client.next("welcome")


JS = ["js-websocket", "js-polling", "js-upgrade"]


@pytest.mark.parametrize("js", JS)
async def test_full_room_answers_503_and_the_client_retries_until_it_joins(
    visitors: Visitors, tmp_path: Path, js: str
) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        first = await visitors.join("first", url=server.url)
        second = visitors.make(js)
        address = visitors.address(server.url, name="second")
        await _refused_until_there_is_room(second, address, None, first)
        assert "error" not in second.heard
        await visitors.leave()


async def test_full_room_named_in_auth_closes_the_transport_and_the_client_retries(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        first = await visitors.join("first", url=f"{server.url}", room="small")
        second = visitors.make()
        await _refused_until_there_is_room(second, server.url, {"room": "small"}, first)
        await visitors.leave()


@pytest.mark.parametrize("js", JS)
async def test_name_used_by_two_machines_stays_with_its_holder(
    visitors: Visitors, shared_server: ServerProcess, js: str
) -> None:
    holder = await visitors.join("node")
    for _ in range(3):  # takeovers in 30 s
        older, holder = holder, await visitors.join("node")
        await older.has_given_up()  # it has closed its connection itself: it lives
    other = visitors.make(js)
    await _refused_until_there_is_room(other, visitors.address(name="node"), None, holder)
    assert "replaced" not in str(holder.events)
    await shared_server.line(
        "refused .* name-in-use: another program at 127.0.0.1 uses the name node"
    )


async def test_room_beyond_max_rooms_answers_503(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_rooms": 1}}) as server:
        first = await visitors.join(url=server.url, room="drone-1")
        second = visitors.make("js-websocket")
        address = visitors.address(server.url, room="drone-2")
        await _refused_until_there_is_room(second, address, None, first)
        await visitors.leave()
