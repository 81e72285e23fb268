"""STUN and TURN servers for clients: in `welcome`, and anew when they ask."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import signal
import time
from pathlib import Path
from typing import Any

from integration.conftest import Visitors
from integration.credentials import new_token, write_tokens
from integration.raw import RawClient
from integration.server import ServerProcess

STUN = {"urls": ["stun:10.0.0.1:3478"]}
FIXED = {"urls": ["turn:10.0.0.2"], "username": "drone", "credential": "p"}
TURN_URLS = ["turn:10.0.0.3:3478?transport=udp", "turns:10.0.0.3:5349"]
TTL = 600


def with_turn(folder: Path, secret: str) -> dict[str, Any]:
    """A configuration; the file has a line end, as one that `openssl rand` writes."""
    file = folder / "turn.secret"
    file.write_text(f"{secret}\n")
    turn = {"urls": TURN_URLS, "secret_file": str(file), "ttl": TTL}
    return {"ice_servers": [{**STUN, "urls": STUN["urls"][0]}, FIXED], "turn": turn}


def check(servers: list[dict[str, Any]], secret: str, name: str, since: float) -> str:
    """Are these the configured ones, and credentials made since then? Returns the username."""
    *configured, turn = servers
    assert configured == [STUN, FIXED]
    assert turn.keys() == {"urls", "username", "credential"}
    assert turn["urls"] == TURN_URLS
    expiry, _, who = turn["username"].partition(":")
    assert who == name
    assert int(since) + TTL <= int(expiry) <= time.time() + TTL
    mac = hmac.new(secret.encode(), turn["username"].encode(), hashlib.sha1).digest()
    assert turn["credential"] == base64.b64encode(mac).decode()
    return str(turn["username"])


async def test_welcome_has_them_and_so_has_the_answer(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    with ServerProcess(tmp_path, with_turn(tmp_path, "s")) as server:
        since = time.time()
        client = await visitors.join("gcom", url=server.url)
        check(client.welcome["ice_servers"], "s", "gcom", since)
        answer = await client.call("ice_servers")
        check(answer.pop("ice_servers"), "s", "gcom", since)
        assert answer == {"ttl": TTL}
        await visitors.leave()


async def test_who_asks_later_gets_a_later_expiry(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, with_turn(tmp_path, "s")) as server:
        client = await visitors.join("gcom", url=server.url)
        await asyncio.sleep(1)  # an expiry is in whole seconds
        answer = await client.call("ice_servers")
        await visitors.leave()
    first, second = (
        int(servers[-1]["username"].split(":")[0])
        for servers in (client.welcome["ice_servers"], answer["ice_servers"])
    )
    assert second > first


async def test_changed_secret_holds_after_a_reload(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, with_turn(tmp_path, "first")) as server:
        client = await visitors.join("gcom", url=server.url)
        with_turn(tmp_path, "second")
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        answer = await client.call("ice_servers")
        check(answer["ice_servers"], "second", "gcom", 0)
        assert not any("second" in line for line in server.lines)
        await visitors.leave()


async def test_unnamed_client_has_its_id_in_the_username(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, with_turn(tmp_path, "s")) as server:
        client = await visitors.join(url=server.url)
        check(client.welcome["ice_servers"], "s", client.welcome["peer_id"], 0)
        await visitors.leave()


async def test_without_turn_they_are_good_for_ever(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"ice_servers": [FIXED]}) as server:
        client = await visitors.join(url=server.url)
        assert client.welcome["ice_servers"] == [FIXED]
        assert await client.call("ice_servers") == {"ice_servers": [FIXED], "ttl": None}
        await visitors.leave()


async def test_by_default_there_are_none(visitors: Visitors, kind: str) -> None:
    client = await visitors.join()
    assert client.welcome["ice_servers"] == []
    assert await client.call("ice_servers") == {"ice_servers": [], "ttl": None}


async def test_who_has_no_token_gets_none(visitors: Visitors, tmp_path: Path, kind: str) -> None:
    token, line = new_token("gcom")
    config = with_turn(tmp_path, "s")
    config["auth"] = {"tokens_file": write_tokens(tmp_path, [line])}
    with ServerProcess(tmp_path, config) as server:
        async with RawClient(server.url) as hasty:  # asks before it says hello, and without one
            await hasty.send('421["ice_servers"]')
            await hasty.send("40")
            heard = []
            try:
                while True:
                    heard.append(await hasty.receive())
            except ConnectionError:
                pass
        stranger = visitors.make()
        await stranger.connect(server.url)
        heard.append(str(await stranger.next("connect_error")))
        assert "credential" not in " ".join(heard)
        assert stranger.heard == []
        client = await visitors.join(url=server.url, token=token)
        check(client.welcome["ice_servers"], "s", "gcom", 0)
        await visitors.leave()


async def test_asking_counts_like_signals(visitors: Visitors, tmp_path: Path) -> None:
    limits = {"limits": {"messages_per_second": 1, "burst": 3}}
    with ServerProcess(tmp_path, limits) as server:
        client = await visitors.join("gcom", url=server.url)
        answers = [await client.call("ice_servers") for _ in range(10)]
        await visitors.leave()
    assert all("ice_servers" in answer for answer in answers[:3])
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes == {"rate-limited"}
