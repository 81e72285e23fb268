"""`support` writes one file for a bug report, and no secret is in it."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from integration.credentials import new_token, write_tokens
from integration.raw import RawClient
from integration.server import ServerProcess, run_to_its_end, write_config

SECTIONS = [
    "versions",
    "clock",
    "configuration",
    "service",
    "network",
    "status",
    "probe",
    "status as JSON",
    "log",
]
SESSION = "planted-session-key"
PASSWORD = "planted-ice-password"
CREDENTIAL = "planted-turn-credential"
SECRET = "planted-turn-secret"


def sections(text: str) -> dict[str, str]:
    """The contents of a file, by title."""
    parts = text.split("\n== ")[1:]
    return dict(part.split(" ==\n", 1) for part in parts)


def a_journal(folder: Path, *lines: str) -> dict[str, str]:
    """The environment in which `journalctl` prints these lines."""
    program = folder / "bin" / "journalctl"
    program.parent.mkdir()
    (folder / "journal").write_text("\n".join(lines) + "\n")
    program.write_text(f"#!/bin/sh\ncat {folder}/journal\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


async def test_planted_secrets_are_not_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, line = new_token("node", "drone-1")
    watcher, watcher_line = new_token("watcher")
    watcher_line = watcher_line.replace("}", ", can: [signal, status]}")
    (tmp_path / "turn.secret").write_text(f"{SECRET}\n")
    config: dict[str, Any] = {
        "auth": {"tokens_file": write_tokens(tmp_path, [line, watcher_line])},
        "ice_servers": [{"urls": "turn:127.0.0.1:1", "username": "u", "credential": CREDENTIAL}],
        "turn": {"urls": ["turn:127.0.0.1:2"], "secret_file": str(tmp_path / "turn.secret")},
    }
    monkeypatch.setenv("HAWKEYE_TOKEN", watcher)
    logged = [f"GET /?token={token}", f"a=ice-pwd:{PASSWORD}", f"x {SECRET} {CREDENTIAL} y"]
    for name, value in a_journal(tmp_path, *logged).items():
        monkeypatch.setenv(name, value)
    output = tmp_path / "report.txt"
    with ServerProcess(tmp_path, config) as server:
        async with RawClient(server.url, token=token) as node:
            await node.send(f'40{{"session":"{SESSION}","token":"{token}"}}')
            await node.next("welcome")
            sdp = f"a=ice-pwd:{PASSWORD}"
            await node.send(f'42["signal",{{"type":"offer","data":{{"sdp":"{sdp}"}}}}]')
            file = write_config(tmp_path, {**config, "listen": {"port": server.port}})
            loop = asyncio.get_running_loop()
            arguments = ("support", "--config", str(file), "--output", str(output))
            told = await loop.run_in_executor(None, run_to_its_end, *arguments)
    assert (told.returncode, told.stderr) == (0, ""), told
    assert told.stdout.startswith(f"{output} is written")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    text = output.read_text()
    found = sections(text)
    assert [*found] == SECTIONS
    assert "aiohttp" in found["versions"]
    assert f"port: {server.port}" in found["configuration"]
    assert "node" in found["status"]
    assert "signaling works" in found["probe"]
    assert '"rooms"' in found["status as JSON"]
    assert found["log"].splitlines()[0] == "GET /?token=***"
    parts = [each.split("_", 2)[2] for each in (token, watcher)]
    for secret in (SESSION, PASSWORD, CREDENTIAL, SECRET, *parts):
        assert secret not in text + told.stdout


def test_broken_configuration_and_missing_server_are_said(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("listen: {port: x}\n")
    told = run_to_its_end("support", "--config", str(file), "--output", "-")
    assert told.returncode == 0
    found = sections(told.stdout)
    assert f"{file}:1:16: listen.port is x" in found["configuration"]
    assert f"{file}:1:16: listen.port is x" in found["status"]
    assert "Traceback" not in told.stdout + told.stderr


def test_secret_files_that_may_not_be_read_leave_the_rest(tmp_path: Path) -> None:
    turn = {"urls": ["turn:127.0.0.1:2"], "secret_file": str(tmp_path / "not-there")}
    file = write_config(tmp_path, {"turn": turn, "listen": {"port": 1}})
    told = run_to_its_end("support", "--config", str(file), "--output", "-")
    found = sections(told.stdout)
    assert "not-there" in found["configuration"].splitlines()[0]
    assert "turn:127.0.0.1:2" in found["configuration"]
    assert "Connection refused" in found["status"]


def test_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"listen": {"port": 1}})
    output = str(tmp_path / "none" / "x")
    told = run_to_its_end("support", "--config", str(file), "--output", output)
    assert told.returncode == 1
    assert told.stderr == f"hawkeye-signaling: {output}: No such file or directory\n"


def test_name_of_the_file_tells_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from signaling_server.cli import support

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(support, "_contents", lambda sources, now: "x")
    sources: Any = None
    assert support.support(sources, None) == 0
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("hawkeye-signaling-support-")
