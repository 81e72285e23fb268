"""A server that requires tokens, or uses TLS, is not opened by a file that is cut short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Mapping

import pytest

from integration.credentials import make_ca, make_certificate, new_token, write_tokens
from integration.pages import get
from integration.server import ROOT, ServerProcess, run_to_its_end, write_config
from integration.test_reload import reload

NO_TOKENS: Mapping[str, Any] = {"auth": {"tokens_file": None}}


@pytest.fixture
def closed(tmp_path: Path) -> dict[str, Any]:
    """The keys that require tokens."""
    _, line = new_token("node")
    return {"auth": {"tokens_file": write_tokens(tmp_path, [line])}}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd makes for the service."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    return folder


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """check-config as the unit's ExecReload= runs it: in the environment of the service."""
    return run_to_its_end("check-config", "--config", str(folder / "config.yaml"))


def remembers(state: Path) -> Any:
    return json.loads((state / "doors.json").read_text())


def start_is_refused(folder: Path, words: str) -> bool:
    ended = run_to_its_end("serve", "--config", str(folder / "config.yaml"))
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.returncode == 78


def is_closed(server: ServerProcess) -> bool:
    return get(f"{server.url}/api/status").status == 401


@pytest.mark.parametrize("left", ["", "auth:\n", "auth:\n  tokens_file:", "auth: {tokens_file: ~}"])
def test_reload_of_a_cut_file_is_refused_whole(
    tmp_path: Path, closed: Mapping[str, Any], state: Path, left: str
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        before = len(server.lines)
        (tmp_path / "config.yaml").write_text(f"logging: {{level: error}}\n{left}")
        server.send(signal.SIGHUP)
        server.wait_for_line("configuration not reloaded: .*this server required tokens", before)
        assert is_closed(server)
        checked = check(tmp_path)
        assert checked.returncode == 78
        assert "this server required tokens" in checked.stderr
        before = len(server.lines)
        write_config(tmp_path, closed)
        server.send(signal.SIGHUP)
        server.wait_for_line("INFO configuration reloaded", before)  # level: error did not get in
        assert check(tmp_path).returncode == 0


def test_reload_without_a_state_folder_is_refused_as_well(
    tmp_path: Path, closed: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    with ServerProcess(tmp_path, closed) as server:
        before = len(server.lines)
        os.truncate(tmp_path / "config.yaml", 0)
        server.send(signal.SIGHUP)
        server.wait_for_line("configuration not reloaded: .*this server required tokens", before)
        assert is_closed(server)


async def test_only_a_restart_turns_tokens_off_and_only_if_told_to(
    tmp_path: Path, closed: Mapping[str, Any], state: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        assert not (state / "doors.json").exists()
        await reload(server, tmp_path, closed)
        assert is_closed(server)
    write_config(tmp_path, {})
    assert start_is_refused(tmp_path, "write `auth: {tokens_file: null}` here, and restart")
    with ServerProcess(tmp_path, closed) as server:
        before = len(server.lines)
        await reload(server, tmp_path, NO_TOKENS)
        await server.line("auth.tokens_file has changed: this needs a restart", after=before)
        assert is_closed(server)
        assert check(tmp_path).returncode == 0
        await reload(server, tmp_path, NO_TOKENS)
        assert is_closed(server)
    with ServerProcess(tmp_path, NO_TOKENS) as server:
        assert not is_closed(server)
        assert remembers(state) == {}
    with ServerProcess(tmp_path) as server:  # nothing is remembered any longer
        assert not is_closed(server)


@pytest.mark.parametrize("content", ["", "tokens:\n", "tokens: []\n"])
def test_reload_of_an_empty_tokens_file_is_refused(
    tmp_path: Path, closed: Mapping[str, Any], state: Path, content: str
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        before = len(server.lines)
        Path(closed["auth"]["tokens_file"]).write_text(content)
        server.send(signal.SIGHUP)
        server.wait_for_line("not reloaded: .*tokens.yaml: no token is listed", before)
        assert "no token is listed" in check(tmp_path).stderr


def test_check_by_hand_judges_the_files_alone(
    tmp_path: Path, closed: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    write_config(tmp_path, {})
    assert check(tmp_path).returncode == 0
    Path(closed["auth"]["tokens_file"]).write_text("tokens:\n")
    write_config(tmp_path, closed)
    assert check(tmp_path).returncode == 0


def test_tls_is_turned_off_neither_by_a_reload_nor_by_a_cut_file(
    tmp_path: Path, state: Path
) -> None:
    make_ca(tmp_path)
    certificate, key = make_certificate(tmp_path, "server")
    with ServerProcess(
        tmp_path, {"tls": {"certificate": certificate, "private_key": key}}
    ) as server:
        before = len(server.lines)
        write_config(tmp_path, {})
        server.send(signal.SIGHUP)
        server.wait_for_line("configuration not reloaded: .*this server used TLS", before)
    assert start_is_refused(tmp_path, "write `tls: {certificate: null}` here, and restart")
    with ServerProcess(tmp_path, {"tls": {"certificate": None}}) as server:
        assert server.url.startswith("http://")


def test_state_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, closed: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "missing"))
    with ServerProcess(tmp_path, closed) as server:
        server.wait_for_line("WARNING .*doors.json cannot be written")
        assert is_closed(server)


def test_server_with_a_damaged_memory_starts_closed_or_not_at_all(
    tmp_path: Path, closed: Mapping[str, Any], state: Path
) -> None:
    (state / "doors.json").write_text("")
    write_config(tmp_path, {})
    assert start_is_refused(tmp_path, "doors.json: this server required tokens")
    with ServerProcess(tmp_path, closed) as server:
        assert is_closed(server)
    assert "tokens_file" in (state / "doors.json").read_text()


def test_unit_gives_the_service_a_folder_for_its_state() -> None:
    unit = (ROOT / "systemd/hawkeye-signaling.service").read_text()
    assert "\nStateDirectory=hawkeye-signaling\n" in unit
    assert "\nExecReload=/usr/bin/hawkeye-signaling check-config\n" in unit
