"""A reload reaches every part that reads the configuration, or says that a restart is needed."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from integration.credentials import new_token, write_tokens
from integration.pages import get
from integration.raw import RawClient
from integration.seen import running
from integration.server import PATIENCE, ServerProcess, write_config
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, RoomsSettings


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
    return str(get(f"{server.url}/healthz").json()["status"])


async def hung_up_on(caller: socket.socket) -> bool:
    """Wait until the server closes the connection."""
    caller.setblocking(False)
    try:
        wait = asyncio.get_running_loop().sock_recv(caller, 1)
        return await asyncio.wait_for(wait, PATIENCE) == b""
    except ConnectionError:
        return True


async def test_door_uses_a_new_connect_deadline(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"limits": {"connect_deadline": 3600}}) as server:
        await reload(server, tmp_path, {"limits": {"connect_deadline": 0.2}})
        with knock(server.port) as caller:
            assert await hung_up_on(caller)


async def test_door_uses_a_new_limit_on_connections(tmp_path: Path) -> None:
    callers = 80  # 2 * 1 + 64 fit before the reload
    with ServerProcess(tmp_path, {"limits": {"connections": 1}}) as server:
        await reload(server, tmp_path, {"limits": {"connections": 100}})
        knocking = [knock(server.port) for _ in range(callers)]
        assert health(server) == "ok"
        for caller in knocking:
            caller.close()


async def test_log_uses_a_new_format(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"logging": {"format": "plain"}}) as server:
        # Where no journald listens, the journal's format is the prefix of sd-daemon(3).
        before = len(server.lines)
        write_config(tmp_path, {"logging": {"format": "journal"}})
        server.send(signal.SIGHUP)
        await server.line("^<6>configuration reloaded", after=before)


async def test_reload_that_turns_tokens_on_ends_credentials_of_foreign_pages(
    tmp_path: Path,
) -> None:
    def credentials(server: ServerProcess) -> str | None:
        url = f"{server.url}/socket.io/?EIO=4&transport=polling"
        page = urllib.request.Request(url, headers={"Origin": "http://gcom.local"})
        with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
            value: str | None = answer.headers["Access-Control-Allow-Credentials"]
            return value

    with ServerProcess(tmp_path) as server:
        assert credentials(server) == "true"
        _, line = new_token("node")
        await reload(server, tmp_path, {"auth": {"tokens_file": write_tokens(tmp_path, [line])}})
        assert credentials(server) is None


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end of $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        yield manager


def messages_of_a_reload(manager: socket.socket) -> tuple[str, str]:
    """The status that systemd is sent during a reload, and the message that ends it."""
    while not manager.recv(4096).startswith(b"RELOADING=1"):
        pass
    return manager.recv(4096).decode(), manager.recv(4096).decode()


def fail() -> Loaded:
    raise LookupError("a mistake in the server's own code")


async def test_reload_that_crashes_keeps_the_old_settings_says_so_and_ends(
    tmp_path: Path, systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, {"rooms.default": "old"}) as server:
        before = server.app.settings.current
        server.app.reload(fail)
        status, end = messages_of_a_reload(systemd)
        reason = "configuration not reloaded: internal error (LookupError), see the log"
        assert status.startswith(f"STATUS={reason}")
        assert end == "READY=1"
        assert "configuration not reloaded" in caplog.text
        assert "a mistake in the server's own code" in caplog.text
        assert server.app.settings.current is before
        assert server.app.report.status()["server"]["warnings"][0] == reason


async def test_settings_that_a_part_cannot_use_are_not_used_by_any(
    tmp_path: Path, systemd: socket.socket
) -> None:
    async with running(tmp_path, {"rooms.default": "old"}) as server:
        server.app.settings.subscribe(fail)  # type: ignore[arg-type]
        changed = replace(Config(), rooms=RoomsSettings(default="new"))
        server.app.reload(lambda: Loaded(changed, {}))
        assert messages_of_a_reload(systemd)[1] == "READY=1"
        async with RawClient(server.url) as client:
            assert '"room":"old"' in (await client.hello())[1]


async def test_reload_after_one_that_failed_clears_the_warning(
    tmp_path: Path, systemd: socket.socket
) -> None:
    async with running(tmp_path, {}) as server:
        server.app.reload(fail)
        assert messages_of_a_reload(systemd)[0].startswith("STATUS=configuration not reloaded")
        server.reload({"rooms.default": "new"})
        assert messages_of_a_reload(systemd)[0].startswith("STATUS=no peers")


async def test_reload_says_which_changes_need_a_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        files = {"certificate": "/none.crt", "private_key": "/none.key"}
        before = len(server.lines)
        await reload(server, tmp_path, {"listen": {"backlog": 7}, "socketio": {"ping_timeout": 7}})
        for key in ("listen.backlog", "socketio.ping_timeout"):
            await server.line(f"WARNING {key} has changed: this needs a restart", after=before)
        write_config(tmp_path, {"tls": files})
        server.send(signal.SIGHUP)
        await server.line("ERROR configuration not reloaded: /none.crt: ")


async def test_server_goes_on_while_the_files_are_read(tmp_path: Path) -> None:
    async with running(tmp_path, {"rooms.default": "old"}) as server:
        app, go_on = server.app, threading.Event()
        changed = replace(app.settings.current, rooms=RoomsSettings(default="new"))

        def load() -> Loaded:
            assert go_on.wait(PATIENCE)
            return Loaded(changed, {})

        app.reload_soon(load)
        app.reload_soon(fail)  # waits for the first
        async with RawClient(server.url) as client:
            assert '"room":"old"' in (await client.hello())[1]
        go_on.set()
        while not app.report.reload_error:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert app.settings.current is changed
