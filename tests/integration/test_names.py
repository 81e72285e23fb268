"""Who has a name: two programs that fight for it, and a page that is reloaded."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from integration.client import Client
from integration.clients_today import StreamingNode
from integration.conftest import KINDS, Visitors
from integration.server import ServerProcess

OFFER = {"type": "offer", "data": {"sdp": "v=0", "type": "offer"}}


async def outcome(client: Client) -> str:
    """What a client that connects hears first: welcome, or why it is refused."""
    outcomes = ("welcome", "error", "connect_error")

    async def first() -> str:
        while True:
            name = next((name for name, _ in client.events if name in outcomes), "")
            if name:
                return name
            await asyncio.sleep(0.01)

    return await asyncio.wait_for(first(), 10)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
async def test_two_programs_that_reconnect_for_ever_end_in_name_in_use(
    visitors: Visitors, shared_server: ServerProcess, kind: str, room: str
) -> None:
    """Official clients stay away once replaced; these have an application that does not."""
    holder = await visitors.join("twin")
    for _ in range(20):
        rival = visitors.make()
        await rival.connect(visitors.address(name="twin"))
        if await outcome(rival) != "welcome":
            break
        await holder.next("disconnect")
        holder = rival
        await asyncio.sleep(0.05)  # the pause of their loop
    else:
        pytest.fail("nobody was refused")
    assert "disconnect" not in [name for name, _ in holder.events]
    assert (await holder.call("signal", OFFER))["ok"]
    await shared_server.line(f"room {room}: .*name-in-use: another program at 127.0.0.1")
    await visitors.leave()


class NoCall:
    """A call that never comes about."""

    async def offer(self) -> dict[str, Any]:
        return {"type": "offer", "sdp": "v=0"}

    async def accept(self, answer: dict[str, Any]) -> None:
        pass

    async def add_candidate(self, candidate: dict[str, Any]) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_two_nodes_of_today_end_in_name_in_use(
    shared_server: ServerProcess, room: str
) -> None:
    """Their own loop ignores that they should stay away."""
    url = f"{shared_server.url}/?{urlencode({'room': room, 'name': 'node'})}"
    loop = asyncio.get_running_loop()
    nodes = [loop.create_task(StreamingNode(url, NoCall).run()) for _ in range(2)]
    try:
        await shared_server.line(f"room {room}: .*name-in-use: another program at 127.0.0.1")
    finally:
        for node in nodes:
            node.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await node


async def test_page_that_polls_and_is_reloaded_keeps_its_name(
    shared_server: ServerProcess, room: str
) -> None:
    query = {"EIO": "4", "transport": "polling", "room": room, "name": "gcom"}
    url = f"{shared_server.url}/socket.io/"
    for _ in range(8):
        async with aiohttp.ClientSession() as page:
            async with page.get(url, params=query) as opened:
                assert opened.status == 200, await opened.text()
                sid = (await opened.text()).split('"')[3]
            at = {**query, "sid": sid}
            async with page.post(url, params=at, data="40"):
                pass
            async with page.get(url, params=at) as answer:
                assert "welcome" in await answer.text()
            with contextlib.suppress(asyncio.TimeoutError):  # the poll under way at the reload
                await page.get(url, params=at, timeout=aiohttp.ClientTimeout(total=0.1))


async def test_contested_name_is_free_once_the_poll_of_its_holder_breaks_off(
    visitors: Visitors, shared_server: ServerProcess, room: str
) -> None:
    holder = await visitors.join("twin", kind="python-websocket")
    for number in range(3):
        rival = await visitors.join("twin", kind="python-polling" if number == 2 else "")
        await holder.has_given_up()
        await shared_server.line(f"room {room}: (?:(?!room {room}).)*alive: both use the name twin")
        holder = rival
    refused = visitors.make("python-websocket")
    await refused.connect(visitors.address(name="twin"))
    assert await outcome(refused) == "connect_error"
    http: Any = holder._client.eio.http  # type: ignore[attr-defined]
    await http.close()  # its polls end without a goodbye, like those of a page that is closed
    await asyncio.sleep(0.1)
    newcomer = visitors.make("python-websocket")
    await newcomer.connect(visitors.address(name="twin"))
    assert await outcome(newcomer) == "welcome"
    await visitors.leave()
