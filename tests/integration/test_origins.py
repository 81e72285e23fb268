"""Which web pages may connect, and which claims of a client the server ignores."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import pytest

from integration.credentials import new_token, write_tokens
from integration.pages import get
from integration.server import ServerProcess

GCOM = "https://gcom.example"
STRANGER = "https://stranger.example"


def handshake(server: ServerProcess, headers: Mapping[str, str], query: str = "") -> dict[str, str]:
    """The headers of the answer, plus its status as `status`."""
    page = get(f"{server.url}/socket.io/?EIO=4&transport=polling{query}", headers=headers)
    return {"status": str(page.status), **dict(page.headers)}


def socketio(*origins: str) -> dict[str, dict[str, list[str]]]:
    return {"socketio": {"cors_allowed_origins": list(origins)}}


def test_only_listed_origins_and_clients_without_an_origin_get_in(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, socketio(GCOM, "http://localhost:3000")) as server:
        allowed = handshake(server, {"Origin": GCOM})
        assert allowed["status"] == "200"
        assert allowed["Access-Control-Allow-Origin"] == GCOM
        refused = handshake(server, {"Origin": STRANGER})
        assert refused["status"] == "400"
        assert "Access-Control-Allow-Origin" not in refused
        assert handshake(server, {})["status"] == "200", "programs have no origin"
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": STRANGER}
        upgrade.update(
            {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"}
        )
        assert handshake(server, upgrade, "&transport=websocket")["status"] == "400"


@pytest.mark.parametrize(
    "lie",
    [
        {"X-Forwarded-Host": "stranger.example", "X-Forwarded-Proto": "https"},
        {"Host": "stranger.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "host=stranger.example;proto=https"},
    ],
    ids=["x-forwarded", "host", "forwarded"],
)
def test_forwarded_headers_do_not_change_which_origin_may_connect(
    tmp_path: Path, lie: dict[str, str]
) -> None:
    with ServerProcess(tmp_path, socketio(GCOM)) as server:
        assert handshake(server, {"Origin": STRANGER, **lie})["status"] == "400"


def test_forwarded_headers_do_not_change_the_address(tmp_path: Path) -> None:
    config = {"limits": {"connections_per_address": 1}, "rooms": {"max_peers": 9}}
    with ServerProcess(tmp_path, config) as server:
        names = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"]
        statuses = [handshake(server, {name: f"192.0.2.{name}"})["status"] for name in names]
        assert statuses == ["200", "503", "503", "503"]
        server.wait_for_line("refused a client from 127.0.0.1: server-full: at most 1 connections")
        assert "192.0.2" not in "\n".join(server.lines)


def test_any_origin_may_connect_without_tokens(shared_server: ServerProcess) -> None:
    answer = handshake(shared_server, {"Origin": STRANGER})
    assert (answer["status"], answer["Access-Control-Allow-Origin"]) == ("200", STRANGER)
    assert answer["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(("origins", "credentials"), [(["*"], None), ([GCOM], "true")])
def test_with_tokens_only_listed_origins_may_send_credentials(
    tmp_path: Path, origins: list[str], credentials: str | None
) -> None:
    _, line = new_token("gcom")
    allowed = "*" if origins == ["*"] else origins
    config = {
        "auth": {"tokens_file": write_tokens(tmp_path, [line])},
        "socketio": {"cors_allowed_origins": allowed},
    }
    with ServerProcess(tmp_path, config) as server:
        answer = handshake(server, {"Origin": GCOM})
        assert answer["status"] == "200"
        assert answer.get("Access-Control-Allow-Credentials") == credentials
