"""Which clients are admitted, which are refused, and which retry by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import aiohttp
import pytest

from integration.client import Client
from integration.conftest import Visitors
from integration.pages import get
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


async def test_second_tab_stays_unnamed_and_the_first_keeps_the_name_of_the_rule(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    rules = {"names": [{"name": "gcom", "room": "drone-1", "role": "ground"}]}
    with ServerProcess(tmp_path, rules) as server:
        first = await visitors.join(url=server.url)
        second = await visitors.join(url=server.url)
        assert (first.welcome["peer_id"], first.welcome["room"]) == ("gcom", "drone-1")
        assert second.welcome["peer_id"] != "gcom"
        assert second.welcome["peers"] == [{"peer_id": "gcom", "name": "gcom", "role": "ground"}]
        (room,) = get(f"{server.url}/api/status").json()["rooms"]
        assert [peer.get("named_by") for peer in room["peers"]] == ["names[0]", None]
        await first.disconnect()
        await second.next("peer_left")
        assert (await visitors.join(url=server.url)).welcome["peer_id"] == "gcom"
        assert "disconnect" not in dict(second.events)
        await visitors.leave()


async def test_page_that_polls_and_reloads_gets_its_name_again(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"names": [{"name": "gcom"}]}) as server:
        for _ in range(4):
            async with aiohttp.ClientSession() as page:
                url = f"{server.url}/socket.io/?EIO=4&transport=polling"
                sid = json.loads((await (await page.get(url)).text())[1:])["sid"]
                await page.post(f"{url}&sid={sid}", data="40")
                heard = ""
                while "welcome" not in heard:
                    heard = await (await page.get(f"{url}&sid={sid}")).text()
                assert '"peer_id":"gcom"' in heard
                with contextlib.suppress(asyncio.TimeoutError):  # the page goes, in its poll
                    await page.get(f"{url}&sid={sid}", timeout=aiohttp.ClientTimeout(total=0.2))


async def test_room_beyond_max_rooms_answers_503(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_rooms": 1}}) as server:
        first = await visitors.join(url=server.url, room="drone-1")
        second = visitors.make("js-websocket")
        address = visitors.address(server.url, room="drone-2")
        await _refused_until_there_is_room(second, address, None, first)
        await visitors.leave()
