"""`pair` and `POST /api/pair`: a device gets a token of its own by a code that is good once."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from integration.credentials import new_token, write_tokens
from integration.pages import Page, get
from integration.raw import RawClient
from integration.server import ServerProcess, run_to_its_end
from signaling_server.appliance import address_file
from signaling_server.cli import pair
from signaling_server.core.config.load import load
from signaling_server.core.protocol.pairing_code import VALID_SECONDS
from signaling_server.errors import StartError


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The folders that systemd makes for the service."""
    made = {name: tmp_path / name for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY")}
    for name, folder in made.items():
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(address_file, "FOLDER", str(made["RUNTIME_DIRECTORY"]))
    return made


@pytest.fixture
def closed(tmp_path: Path) -> dict[str, Any]:
    """The keys that require tokens."""
    return {"auth": {"tokens_file": write_tokens(tmp_path, [new_token("node")[1]])}}


def code_of(
    server: ServerProcess, closed: Mapping[str, Any], capsys: Any, room: str | None = "drone-1"
) -> str:
    """The code of a link that the command prints."""
    config = load([], {"auth.tokens_file": (closed["auth"]["tokens_file"], "test")}).config
    assert pair.run(config, "", "gcom", room, server.url) == 0
    (link,) = re.findall(r"^http.*$", capsys.readouterr().out, re.M)
    parts = urlsplit(link)
    assert parts.path == "/gcom"
    query = {"name": ["gcom"], **({"room": [room]} if room else {})}
    assert parse_qs(parts.query) == query
    return parse_qs(parts.fragment)["pair"][0]


def trade(server: ServerProcess, code: object) -> Page:
    return get(f"{server.url}/api/pair", data=json.dumps({"code": code}).encode())


async def answer_to(server: ServerProcess, token: str) -> str:
    """The answer to the CONNECT of a client with the token."""
    async with RawClient(server.url, room="drone-1", token=token) as client:
        await client.send("40")
        return await client.receive()


async def test_code_is_traded_once_for_a_token_that_outlives_restarts(
    tmp_path: Path, closed: dict[str, Any], folders: dict[str, Path], capsys: Any
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        code = code_of(server, closed, capsys)
        got = trade(server, code)
        assert got.status == 200
        paired = got.json()
        assert {**paired, "token": "", "id": ""} == {
            "token": "",
            "id": "",
            "name": "gcom",
            "room": "drone-1",
            "present": False,
        }
        assert (await answer_to(server, paired["token"])).startswith("40{")
        again = trade(server, code)
        assert again.status == 403
        assert "unknown, was used, or has expired: make another" in again.json()["error"]
        assert not [line for line in server.lines if code in line or paired["token"] in line]
        server.wait_for_line(f"with the token {paired['id']}")
    text = (folders["STATE_DIRECTORY"] / "paired.yaml").read_text()
    assert paired["token"] not in text
    with ServerProcess(tmp_path, closed) as server:
        assert (await answer_to(server, paired["token"])).startswith("40{")
        # The operator revokes it.
        (folders["STATE_DIRECTORY"] / "paired.yaml").write_text("tokens: []\n")
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        assert "unknown token" in await answer_to(server, paired["token"])


async def test_answer_tells_whether_the_name_is_taken(
    tmp_path: Path, closed: dict[str, Any], capsys: Any
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        first = trade(server, code_of(server, closed, capsys, None)).json()
        assert (first["room"], first["present"]) == (None, False)
        async with RawClient(server.url, room="drone-1", token=first["token"]) as client:
            await client.hello()
            assert trade(server, code_of(server, closed, capsys)).json()["present"]
            assert not trade(server, code_of(server, closed, capsys, "drone-2")).json()["present"]


def test_code_expires(
    tmp_path: Path, closed: dict[str, Any], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = time.clock_gettime(time.CLOCK_BOOTTIME) - VALID_SECONDS - 1
    with ServerProcess(tmp_path, closed) as server:
        with monkeypatch.context() as patch:
            patch.setattr(time, "clock_gettime", lambda _: past)
            code = code_of(server, closed, capsys)
        assert trade(server, code).status == 403


def test_server_without_tokens_pairs_nobody(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        refused = trade(server, "x" * 22)
    assert refused.status == 409
    assert "no tokens: anyone may join" in refused.json()["error"]
    with pytest.raises(StartError, match="no tokens, so no device needs one"):
        pair.run(load([], {}).config, "", "gcom", None, None)


def test_server_without_folders_pairs_nobody(
    tmp_path: Path, closed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    with ServerProcess(tmp_path, closed) as server:
        refused = trade(server, "x" * 22)
    assert refused.status == 409
    assert "no folders of a service" in refused.json()["error"]


def test_full_state_folder_is_told(
    tmp_path: Path, closed: dict[str, Any], folders: dict[str, Path], capsys: Any
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        code = code_of(server, closed, capsys)
        (folders["STATE_DIRECTORY"] / "paired.yaml.new").mkdir()  # also root cannot write to it
        refused = trade(server, code)
        assert refused.status == 409
        assert "cannot write its file of paired devices" in refused.json()["error"]
        server.wait_for_line(r"paired\.yaml: no device can be paired")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"code": 3}', b"{" * 5000])
def test_malformed_request_is_refused(tmp_path: Path, closed: dict[str, Any], body: bytes) -> None:
    with ServerProcess(tmp_path, closed) as server:
        answer = get(f"{server.url}/api/pair", data=body)
        assert answer.status == 400
        assert "the body must be" in answer.body
        assert get(f"{server.url}/api/pair").status == 405


async def test_broken_file_of_paired_devices_is_refused_at_a_reload(
    tmp_path: Path, closed: dict[str, Any], folders: dict[str, Path]
) -> None:
    with ServerProcess(tmp_path, closed) as server:
        (folders["STATE_DIRECTORY"] / "paired.yaml").write_text("tokens: [{}]\n")
        server.send(signal.SIGHUP)
        await server.line("configuration not reloaded: .*paired.yaml:1:10: tokens.* has no id")


def test_wrong_name_and_missing_service_are_told(
    tmp_path: Path, closed: dict[str, Any], folders: dict[str, Path], capsys: Any
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(closed))
    made = run_to_its_end("pair", "--config", str(config), "--name", "g com")
    assert (made.returncode, made.stdout) == (2, "")
    assert "--name must be" in made.stderr
    loaded = load([], {"auth.tokens_file": (closed["auth"]["tokens_file"], "test")}).config
    with pytest.raises(StartError, match="does not run on this machine"):
        pair.run(loaded, "", "gcom", None, None)
    folders["RUNTIME_DIRECTORY"].rmdir()
    with pytest.raises(StartError, match="No such file"):
        pair.run(loaded, "", "gcom", None, "http://192.0.2.1:8080")
