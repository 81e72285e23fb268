"""STUN and TURN servers for clients: in `welcome`, and whenever they request them."""

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
OFF = {"interval": 0}
"""Nothing is sent to these addresses."""


def with_turn(folder: Path, secret: str) -> dict[str, Any]:
    """A configuration with TURN; the secret's file ends in a newline, as from `openssl rand`."""
    file = folder / "turn.secret"
    file.write_text(f"{secret}\n")
    turn = {"urls": TURN_URLS, "secret_file": str(file), "ttl": TTL}
    return {
        "ice_servers": [{**STUN, "urls": STUN["urls"][0]}, FIXED],
        "turn": turn,
        "ice_check": OFF,
    }


def check(servers: list[dict[str, Any]], secret: str, name: str, since: float) -> str:
    """Check the configured servers and credentials made after `since`; returns the username."""
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


async def test_welcome_and_a_later_answer_carry_the_servers(
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


async def test_later_request_gets_a_later_expiry(visitors: Visitors, tmp_path: Path) -> None:
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


async def test_reload_switches_to_the_new_secret(visitors: Visitors, tmp_path: Path) -> None:
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


async def test_servers_without_generated_credentials_never_expire(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, {"ice_servers": [FIXED]}) as server:
        client = await visitors.join(url=server.url)
        assert client.welcome["ice_servers"] == [FIXED]
        assert await client.call("ice_servers") == {"ice_servers": [FIXED], "ttl": None}
        await visitors.leave()


async def test_default_configuration_offers_no_servers(visitors: Visitors, kind: str) -> None:
    client = await visitors.join()
    assert client.welcome["ice_servers"] == []
    assert await client.call("ice_servers") == {"ice_servers": [], "ttl": None}


async def test_client_without_a_token_gets_no_servers(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    token, line = new_token("gcom")
    config = with_turn(tmp_path, "s")
    config["auth"] = {"tokens_file": write_tokens(tmp_path, [line])}
    with ServerProcess(tmp_path, config) as server:
        async with RawClient(
            server.url
        ) as hasty:  # requests servers before CONNECT, and has no token
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


async def test_requests_count_against_the_rate_limit(visitors: Visitors, tmp_path: Path) -> None:
    limits = {"limits": {"messages_per_second": 1, "burst": 3}}
    with ServerProcess(tmp_path, limits) as server:
        client = await visitors.join("gcom", url=server.url)
        answers = [await client.call("ice_servers") for _ in range(10)]
        await visitors.leave()
    assert all("ice_servers" in answer for answer in answers[:3])
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes == {"rate-limited"}
