"""Who comes in, who is turned away, and who comes back by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.client import Client
from integration.conftest import Visitors
from integration.server import ServerProcess

OFFER = {"type": "offer", "data": {}}


async def test_newest_with_a_name_wins_and_the_old_one_stays_away(
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


async def _turned_away_until_there_is_room(
    client: Client, address: str, auth: object, holder: Client
) -> None:
    """`client` asks in vain until `holder` goes; then it is welcome without being asked again."""
    await client.connect(address, auth=auth, again=True)
    refused = "error" if auth else "connect_error"
    for _ in range(2):
        await client.next(refused)
    assert "welcome" not in client.heard
    await holder.disconnect()
    await client.next("welcome")


JS = ["js-websocket", "js-polling", "js-upgrade"]


@pytest.mark.parametrize("js", JS)
async def test_full_room_is_a_503_after_which_a_client_comes_by_itself(
    visitors: Visitors, tmp_path: Path, js: str
) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        first = await visitors.join("first", url=server.url)
        second = visitors.make(js)
        address = visitors.address(server.url, name="second")
        await _turned_away_until_there_is_room(second, address, None, first)
        assert "error" not in second.heard
        await visitors.leave()


async def test_full_room_of_auth_closes_the_transport_after_which_a_client_comes_by_itself(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        first = await visitors.join("first", url=f"{server.url}", room="small")
        second = visitors.make()
        await _turned_away_until_there_is_room(second, server.url, {"room": "small"}, first)
        await visitors.leave()


@pytest.mark.parametrize("js", JS)
async def test_name_that_two_machines_use_stays_with_the_one_that_has_it(
    visitors: Visitors, shared_server: ServerProcess, js: str
) -> None:
    for _ in range(4):  # the first, and three takeovers in 30 s
        holder = await visitors.join("node")
    other = visitors.make(js)
    await _turned_away_until_there_is_room(other, visitors.address(name="node"), None, holder)
    assert "replaced" not in str(holder.events)
    await shared_server.line("refused .* name-in-use: two clients are using the name node")


async def test_more_rooms_than_may_be_is_a_503(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_rooms": 1}}) as server:
        first = await visitors.join(url=server.url, room="drone-1")
        second = visitors.make("js-websocket")
        address = visitors.address(server.url, room="drone-2")
        await _turned_away_until_there_is_room(second, address, None, first)
        await visitors.leave()
