"""A reload reaches every part that reads the configuration, or says that a restart is needed."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any, Mapping

from integration.credentials import new_token, write_tokens
from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess, write_config


async def reload(server: ServerProcess, folder: Path, config: Mapping[str, Any]) -> None:
    """Write a new configuration and wait until the server uses it."""
    before = len(server.lines)
    write_config(folder, config)
    server.send(signal.SIGHUP)
    await server.line("configuration reloaded", after=before)


async def test_larger_signals_are_relayed_after_a_reload(tmp_path: Path) -> None:
    signal_bytes = 1_200_000
    limits = {"message_bytes": 2_000_000, "send_queue_bytes": 4_000_000}
    with ServerProcess(tmp_path) as server:
        await reload(server, tmp_path, {"limits": limits})
        async with RawClient(server.url, name="node") as node, RawClient(server.url) as gcom:
            await node.hello()
            await gcom.hello()
            sdp = "x" * signal_bytes
            await node.send(f'42["signal",{{"type":"offer","data":{{"sdp":"{sdp}"}}}}]')
            assert sdp in await gcom.next("signal")


def knock(port: int) -> socket.socket:
    """A caller that sends nothing."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def health(server: ServerProcess) -> str:
    with urllib.request.urlopen(f"{server.url}/healthz", timeout=PATIENCE) as answer:
        return str(json.load(answer)["status"])


async def hung_up_on(caller: socket.socket) -> bool:
    """Wait until the server closes the connection."""
    caller.setblocking(False)
    try:
        wait = asyncio.get_running_loop().sock_recv(caller, 1)
        return await asyncio.wait_for(wait, PATIENCE) == b""
    except ConnectionError:
        return True


async def test_door_takes_a_new_connect_deadline(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"limits": {"connect_deadline": 3600}}) as server:
        await reload(server, tmp_path, {"limits": {"connect_deadline": 0.2}})
        with knock(server.port) as caller:
            assert await hung_up_on(caller)


async def test_door_takes_a_new_number_of_connections(tmp_path: Path) -> None:
    callers = 80  # 2 * 1 + 64 fit before the reload
    with ServerProcess(tmp_path, {"limits": {"connections": 1}}) as server:
        await reload(server, tmp_path, {"limits": {"connections": 100}})
        knocking = [knock(server.port) for _ in range(callers)]
        assert health(server) == "ok"
        for caller in knocking:
            caller.close()


async def test_log_takes_a_new_format(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"logging": {"format": "plain"}}) as server:
        # Where no journald listens, the journal's format is the prefix of sd-daemon(3).
        before = len(server.lines)
        write_config(tmp_path, {"logging": {"format": "journal"}})
        server.send(signal.SIGHUP)
        await server.line("^<6>configuration reloaded", after=before)


async def test_tokens_turned_on_by_a_reload_end_credentials_of_foreign_pages(
    tmp_path: Path,
) -> None:
    def credentials(server: ServerProcess) -> str | None:
        url = f"{server.url}/socket.io/?EIO=4&transport=polling"
        page = urllib.request.Request(url, headers={"Origin": "https://gcom.example"})
        with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
            value: str | None = answer.headers["Access-Control-Allow-Credentials"]
            return value

    with ServerProcess(tmp_path) as server:
        assert credentials(server) == "true"
        _, line = new_token("node")
        await reload(server, tmp_path, {"auth": {"tokens_file": write_tokens(tmp_path, [line])}})
        assert credentials(server) is None
