"""A server in the test's own process, and what clients see of its configuration."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import time
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable, Mapping

import aiohttp
import pytest

from integration.raw import RawClient
from integration.server import PATIENCE, write_config
from signaling_server.app import App
from signaling_server.appliance import config_files
from signaling_server.core.ice import verdict
from signaling_server.logs.journal import Writer
from signaling_server.logs.pipe import LogPipe

SILENT = Writer(len, lambda: None)
"""Of a log that nobody reads."""

BODY = "x" * 500


class Running:
    """A server in the test's own process."""

    def __init__(self, app: App, url: str, folder: Path) -> None:
        self.app = app
        self.url = url
        self.folder = folder
        self._stopped = False

    async def stop(self) -> None:
        """Stop the server, once."""
        if not self._stopped:
            self._stopped = True
            await self.app.stop()

    def reload(self, keys: Mapping[str, Any]) -> None:
        """Use these keys, such as {"rooms.max_peers": 1}, and the defaults of all others."""
        file = str(write_config(self.folder, _sections(keys)))
        self.app.reload(lambda: config_files.read(file, {}))
        assert not self.app.report.reload_error


def _sections(keys: Mapping[str, Any]) -> dict[str, Any]:
    """{"rooms.max_peers": 1} -> {"rooms": {"max_peers": 1}}"""
    sections: dict[str, Any] = {}
    for dotted, value in keys.items():
        section, _, name = dotted.rpartition(".")
        if section:
            sections.setdefault(section, {})[name] = value
        else:
            sections[name] = value
    return sections


@contextlib.asynccontextmanager
async def running(folder: Path, keys: Mapping[str, Any]) -> AsyncIterator[Running]:
    """A server with these keys."""
    pipe = LogPipe(SILENT)
    file = str(write_config(folder, _sections(keys)))
    app = App(config_files.read(file, {}), pipe)
    url = await app.start()
    running = Running(app, url, folder)
    try:
        yield running
    finally:
        await running.stop()
        pipe.close()


async def ask(client: RawClient, event: str, *arguments: Any) -> Any:
    """Emit an event; returns what its ack says."""
    await client.send("421" + json.dumps([event, *arguments]))
    return json.loads((await client.next_ack())[3:])[0]


async def send(client: RawClient, **more: Any) -> str:
    """Send a signal; returns "held", "delivered" or the code of the error."""
    answer = await ask(client, "signal", {"type": "offer", "data": {}, **more})
    if not answer["ok"]:
        return str(answer["error"]["code"])
    return "held" if answer["held"] else "delivered"


async def join(client: RawClient) -> dict[str, Any]:
    """Send CONNECT; returns the payload of `welcome`."""
    _, welcome = await client.hello()
    payload: dict[str, Any] = json.loads(welcome[2:])[1]
    return payload


async def second_join(server: Running) -> str:
    """What a second client gets: "in", or the code of the refusal."""
    async with RawClient(server.url, room="first") as first:
        await join(first)
        query = "EIO=4&transport=polling&room=second"
        async with aiohttp.ClientSession() as session, session.get(
            f"{server.url}/socket.io/?{query}"
        ) as answer:
            return "in" if answer.ok else str((await answer.json())["code"])


async def second_in_the_same_room(server: Running) -> str:
    """What a second client of a room gets: "in", or the HTTP status of the refusal."""
    async with RawClient(server.url, room="first") as first:
        await join(first)
        try:
            async with RawClient(server.url, room="first") as second:
                await join(second)
                return "in"
        except aiohttp.WSServerHandshakeError as error:
            return str(error.status)


async def default_room(server: Running) -> str:
    """The room of a client that names none."""
    async with RawClient(server.url) as client:
        return str((await join(client))["room"])


async def own_peer_id(server: Running) -> str | None:
    """The name of a client that brings none."""
    async with RawClient(server.url) as client:
        peer_id = str((await join(client))["peer_id"])
        return next((p.name for p in server.app.relay.peers.values() if p.peer_id == peer_id), None)


def page_of(url: str, origin: str = "") -> Callable[[Running], Awaitable[int]]:
    """The HTTP status of a handshake with this URL, by a page of this origin (or its own)."""

    async def observe(server: Running) -> int:
        headers = {"Host": url.partition("://")[2], "Origin": origin or url}
        handshake = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession(headers=headers) as session, session.get(
            handshake
        ) as answer:
            return answer.status

    return observe


async def address_behind_a_proxy(server: Running) -> str:
    """The address of a client for which a proxy on this machine calls."""
    async with RawClient(server.url, headers={"X-Forwarded-For": "192.0.2.7"}) as client:
        await join(client)
        return str(next(iter(server.app.relay.peers.values())).address)


async def warnings_about_a_pair(server: Running) -> int:
    """How many lines of the log say that two peers in a room are too many."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[assignment]
    logging.getLogger("signaling_server").addHandler(handler)
    try:
        await second_in_the_same_room(server)
    finally:
        logging.getLogger("signaling_server").removeHandler(handler)
    return len([line for line in lines if "room first: 2 peers here, 1 expected" in line])


async def newcomer_hears_of_the_other(server: Running) -> bool:
    """Whether a client that joins second gets `peer_joined`."""
    async with RawClient(server.url) as first, RawClient(server.url) as second:
        await join(first)
        await join(second)
        await second.send('421["ice_servers"]')
        return (await second.receive()).startswith('42["peer_joined"')


def sends(*signals: Mapping[str, Any]) -> Callable[[Running], Awaitable[str]]:
    """What a lone client gets for the last of these signals; "closed" if it gets no answer."""

    async def observe(server: Running) -> str:
        outcome = ""
        async with RawClient(server.url) as client:
            await join(client)
            for signal in signals:
                try:
                    outcome = await send(client, **signal)
                except ConnectionError:
                    return "closed"
        return outcome

    return observe


def runs_out_of_memory(*signals: Mapping[str, Any]) -> Callable[[Running], Awaitable[bool]]:
    """Whether the last of these signals of a lone client finds no memory.

    On the fast path the server refuses the signal. On the ordinary path, which a signal takes when
    it comes before engine.io has read the last one, aiohttp finds no memory for the frame: the
    server closes the connection.
    """

    async def observe(server: Running) -> bool:
        return await sends(*signals)(server) in ("hold-full", "closed")

    return observe


async def expiry_of_a_held_signal(server: Running) -> str:
    """The code of the error that a lone client gets some time after its signal."""
    async with RawClient(server.url) as client:
        await join(client)
        await send(client)
        return str(json.loads((await client.next("error"))[2:])[1]["code"])


async def state_of_a_lost_peer(server: Running) -> str:
    """Whether a peer whose connection breaks is away or gone."""
    async with RawClient(server.url, name="node") as client:
        await client.send('40{"session":"s"}')
        await client.next("welcome")
        transport: Any = client._socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()
        peers = server.app.relay.peers
        await until(lambda: not peers or server.app.report.health(True)["peers"] == 0)
    async with RawClient(server.url, name="gcom") as other:
        await join(other)
        return "away" if await send(other, to="node") == "held" else "gone"


def queue_of_a_lost_peer(count: int) -> Callable[[Running], Awaitable[str]]:
    """What another peer gets for the last of `count` signals to a peer that is away."""

    async def observe(server: Running) -> str:
        await state_of_a_lost_peer(server)
        outcome = ""
        async with RawClient(server.url, name="gcom2") as other:
            await join(other)
            for _ in range(count):
                outcome = await send(other, to="node", data={"sdp": BODY})
        return outcome

    return observe


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state that no message tells of."""
    for _ in range(int(PATIENCE * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to this")


async def flood(server: Running) -> str:
    """What a client that floods the server is told."""
    async with RawClient(server.url) as client:
        await join(client)
        answers = [await ask(client, "ice_servers") for _ in range(20)]
        refused = [answer["error"]["message"] for answer in answers if "error" in answer]
        return refused[-1] if refused else "fine"


async def silent_client_is_closed(server: Running) -> bool:
    """Whether a client that sends no CONNECT is closed before the test gives up."""
    async with RawClient(server.url) as client:
        with pytest.raises(ConnectionError):
            await client.receive()
    return True


async def silent_client_is_closed_for_another(server: Running) -> bool:
    """Whether a client that sends no CONNECT is closed when another comes."""
    async with RawClient(server.url) as client, RawClient(server.url) as other:
        with contextlib.suppress(ConnectionError):
            await join(other)
        try:
            await client.send("40")
            return not (await client.next("welcome"))
        except ConnectionError:
            return True


async def slow_client(server: Running) -> str:
    """The outcome of the last of five signals to a client that fetches none."""
    async with aiohttp.ClientSession() as session:
        url = f"{server.url}/socket.io/?EIO=4&transport=polling&name=slow"
        opened = await (await session.get(url)).text()
        url += f"&sid={json.loads(opened[1:])['sid']}"
        await session.post(url, data="40")
        await until(lambda: server.app.report.health(True)["peers"] == 1)
        async with RawClient(server.url) as other:
            await join(other)
            for _ in range(5):
                outcome = await send(other, to="slow", data={"sdp": BODY})
        return outcome


async def survives_bad_packets(server: Running) -> bool:
    """Whether a client that has sent three malformed packets still gets an answer."""
    async with RawClient(server.url) as client:
        await join(client)
        for _ in range(3):
            await client.send("4x")
        try:
            return bool(await ask(client, "ice_servers"))
        except ConnectionError:
            return False


async def anonymous_client(server: Running) -> str:
    """The packet type that answers a CONNECT without a token: "40" or "44" for an error."""
    async with RawClient(server.url) as client:
        await client.send("40")
        return (await client.receive())[:2]


async def ice(server: Running) -> Any:
    """The ICE servers, their lifetime, and which secret made the credential."""
    async with RawClient(server.url) as client:
        await join(client)
        answer = await ask(client, "ice_servers")
    urls = [url for each in answer["ice_servers"] for url in each["urls"]]
    turn = [each for each in answer["ice_servers"] if "credential" in each]
    return (
        urls,
        answer["ttl"],
        [secret for secret in ("old", "new") if turn and _made(turn[0], secret)],
    )


def _made(turn: Mapping[str, str], secret: str) -> bool:
    digest = hmac.new(secret.encode(), turn["username"].encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode() == turn["credential"]


async def ice_servers_asked(server: Running) -> list[str]:
    """The URLs of the ICE servers that the server asks."""
    return [row["url"] for row in server.app.report.status()["ice_servers"]]


async def urls_beside_a_silent_server(server: Running) -> list[str]:
    """The URLs that a client gets once the only ICE server, which never answers, is silent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "SILENT_SECONDS", 0.0)
        while server.app.report.status()["ice_servers"][0]["state"] != "silent":
            server.app._ice_check._reconfigured()  # do not wait until it is due
            await asyncio.sleep(0.01)
        return list((await ice(server))[0])


async def status_page(server: Running) -> int:
    """The HTTP status of /api/status."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/status") as page:
        return page.status


async def time_of_a_stop(server: Running) -> bool:
    """Whether a stop ends within 5 seconds though a client does not read."""
    async with RawClient(server.url) as client, RawClient(server.url) as other:
        await join(client)
        await join(other)
        client.stop_reading()
        for _ in range(40):
            await send(other, data={"sdp": "x" * 200_000})
        started = time.monotonic()
        await server.stop()
        return time.monotonic() - started < 5


async def logs_debug_lines(server: Running) -> bool:
    """Whether the log takes lines of the level debug."""
    return logging.getLogger("signaling_server").isEnabledFor(logging.DEBUG)
