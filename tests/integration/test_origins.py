"""Which web pages may connect, and which claims of a client the server ignores."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Mapping

import pytest

from integration.credentials import new_token, write_tokens
from integration.pages import get
from integration.server import ServerProcess, run_to_its_end, write_config

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
        refused = handshake(server, {"Origin": STRANGER, **lie})
        assert refused["status"] == ("403" if "Host" in lie else "400")


def test_forwarded_headers_do_not_change_the_address(tmp_path: Path) -> None:
    config = {"limits": {"connections_per_address": 1}, "rooms": {"max_peers": 9}}
    with ServerProcess(tmp_path, config) as server:
        names = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"]
        statuses = [handshake(server, {name: f"192.0.2.{name}"})["status"] for name in names]
        assert statuses == ["200", "503", "503", "503"]
        server.wait_for_line("refused a client from 127.0.0.1: server-full: at most 1 connections")
        assert "192.0.2" not in "\n".join(server.lines)


@pytest.mark.parametrize("origin", ["http://192.168.1.20:3000", "http://gcom.local", "http://gs"])
def test_pages_of_local_networks_may_connect_without_tokens(
    shared_server: ServerProcess, origin: str
) -> None:
    answer = handshake(shared_server, {"Origin": origin})
    assert (answer["status"], answer["Access-Control-Allow-Origin"]) == ("200", origin)
    assert answer["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize("origin", [STRANGER, GCOM, "null", "http://8.8.8.8", "nonsense"])
def test_other_pages_may_not_connect_without_tokens_and_the_log_names_the_key(
    shared_server: ServerProcess, origin: str
) -> None:
    seen = len(shared_server.lines)
    answer = handshake(shared_server, {"Origin": origin})
    assert answer["status"] == "400"
    assert "Access-Control-Allow-Origin" not in answer
    pattern = "refused a client from 127.0.0.1: .* add the origin to socketio.cors_allowed_origins"
    shared_server.wait_for_line(pattern, seen)


def test_any_origin_may_connect_if_the_configuration_says_so(tmp_path: Path) -> None:
    config = {"socketio": {"cors_allowed_origins": "*"}}
    with ServerProcess(tmp_path, config) as server:
        for origin in (STRANGER, "null"):
            answer = handshake(server, {"Origin": origin})
            assert (answer["status"], answer["Access-Control-Allow-Origin"]) == ("200", origin)


def test_with_tokens_every_origin_may_connect_but_null(tmp_path: Path) -> None:
    config = {"auth": {"tokens_file": write_tokens(tmp_path, [new_token("gcom")[1]])}}
    with ServerProcess(tmp_path, config) as server:
        assert handshake(server, {"Origin": STRANGER})["status"] == "200"
        assert handshake(server, {"Origin": "null"})["status"] == "400"


def test_own_pages_connect_whatever_is_listed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, socketio(GCOM)) as server:
        assert handshake(server, {"Origin": server.url})["status"] == "200"
        own = {"Host": f"localhost:{server.port}", "Origin": f"http://localhost:{server.port}"}
        assert handshake(server, own)["status"] == "200"
        assert handshake(server, {**own, "Origin": "http://localhost:1"})["status"] == "400"


def test_check_config_says_what_null_means(tmp_path: Path) -> None:
    file = write_config(tmp_path, socketio(GCOM, "null"))
    checked = run_to_its_end("check-config", "--config", str(file))
    assert checked.returncode == 0
    assert (
        'note: socketio.cors_allowed_origins: the origin "null" is not one page' in checked.stdout
    )


def test_check_config_says_how_to_write_an_origin(tmp_path: Path) -> None:
    file = write_config(tmp_path, socketio("https://GCOM.example:443/"))
    checked = run_to_its_end("check-config", "--config", str(file))
    assert checked.returncode == 78
    assert "write 'https://gcom.example'" in checked.stderr


def test_refusal_for_now_can_be_read_by_an_allowed_page(tmp_path: Path) -> None:
    config = {"limits": {"connections_per_address": 1}, **socketio(GCOM)}
    with ServerProcess(tmp_path, config) as server:
        assert handshake(server, {"Origin": GCOM})["status"] == "200"
        refused = handshake(server, {"Origin": GCOM})
        assert (refused["status"], refused["Access-Control-Allow-Origin"]) == ("503", GCOM)
        assert refused["Vary"] == "Origin"


REBOUND = {"Host": "evil.example", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("path", ["/api/status", "/metrics", "/call", "/status", "/static/call.js"])
def test_rebound_name_reads_nothing_of_an_open_server(
    shared_server: ServerProcess, path: str
) -> None:
    page = get(shared_server.url + path, headers=REBOUND)
    assert page.status == 403
    assert page.body == (
        "'evil.example' is no name of this server; use its address, or add the name to"
        " listen.names\n"
    )
    assert get(shared_server.url + path, headers={"Host": "evil.example"}).status == 200
    assert get(shared_server.url + path).status == 200


def test_rebound_name_joins_no_room_and_reads_no_more_than_that_the_server_runs(
    shared_server: ServerProcess,
) -> None:
    assert handshake(shared_server, {**REBOUND, "Origin": "http://evil.example"})["status"] == "403"
    assert handshake(shared_server, REBOUND)["status"] == "403"
    for path in ("/", "/healthz"):
        assert get(shared_server.url + path, headers=REBOUND).status == 200


def test_trusted_proxy_tells_the_address(tmp_path: Path) -> None:
    config = {
        "limits": {"connections_per_address": 1},
        "listen": {"trusted_proxies": ["127.0.0.1"]},
    }
    with ServerProcess(tmp_path, config) as server:

        def status_of(*addresses: str) -> str:
            forwarded = {"X-Forwarded-For": ", ".join(addresses)}
            return handshake(server, forwarded)["status"]

        assert status_of("192.0.2.1") == status_of("6.6.6.6", "[2001:db8::1]:4711") == "200"
        assert status_of("192.0.2.1", "127.0.0.1") == "503"
        assert status_of("2001:db8::1") == status_of("2001:0db8:0::1") == "503"
        server.wait_for_line("refused a client from 192.0.2.1: server-full")
        assert "6.6.6.6" not in "\n".join(server.lines)


def test_ipv4_address_is_written_as_one_on_a_server_for_both(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"listen": {"host": "::"}}) as server:
        url = f"http://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=polling"
        assert get(url, headers={"Origin": STRANGER}).status == 400
        server.wait_for_line("refused a client from 127.0.0.1: .*origin")


def test_health_checks_may_ask_for_options(shared_server: ServerProcess) -> None:
    for path in ("/", "/healthz"):
        request = urllib.request.Request(shared_server.url + path, method="OPTIONS")
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.read()) == (204, b"")


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
