"""Who asks, also behind a proxy, and whose page may ask."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, ListenSettings, SocketIOSettings
from signaling_server.core.protocol.auth import Tokens
from signaling_server.core.protocol.events import Fact, Refused
from signaling_server.web.callers import METHODS, Callers, allowed_origin

PEER, CLIENT = "192.0.2.1", "198.51.100.7"
HOST = "drone.local:8080"
OWN, GCOM, FOREIGN = f"http://{HOST}", "https://gcom.example", "https://evil.example"
FORWARDED = {
    "X-Forwarded-For": f"6.6.6.6, {CLIENT}",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "drone.example",
    "X-Forwarded-Prefix": "/drone",
}
BROWSER = "Mozilla/5.0"
SOCKETIO = "/socket.io/?EIO=4"


class Scene:
    """A server whose certificate is for cert.example; `refused` lists (code, address)."""

    def __init__(self, tokens: bool = False, origins: Any = "auto", **listen: Any) -> None:
        config = Config(
            listen=ListenSettings(**listen),
            socketio=SocketIOSettings(cors_allowed_origins=origins),
        )
        self.settings = Settings(Loaded(config, {}, Tokens([], 0.0) if tokens else None))
        self.refused: list[tuple[str, str]] = []
        self.callers = Callers(self.settings, lambda: ["cert.example"], self._record)
        self.handled: web.Request

    def _record(self, fact: Fact) -> None:
        assert isinstance(fact, Refused)
        self.refused.append((fact.code, fact.address))

    def ask(
        self, path: str = "/", headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> web.Response:
        """The answer; `handled` is the request as its handler sees it."""
        request = make_mocked_request(method, path, headers={"Host": HOST, **(headers or {})})
        request._cache["remote"] = PEER

        async def handler(request: web.Request) -> web.StreamResponse:
            self.handled = request
            return web.Response()

        async def answer() -> Any:
            response = await self.callers.judge(request, handler)
            await self.callers.add_cors(request, response)
            return response

        response: web.Response = asyncio.run(answer())
        return response


def test_client_behind_a_trusted_proxy_is_whom_the_proxy_names() -> None:
    scene = Scene(trusted_proxies=(PEER,))
    scene.ask(headers=FORWARDED)
    seen = scene.handled
    assert (seen.remote, seen.scheme, seen.host) == (CLIENT, "https", "drone.example")


def test_nobody_else_is_believed() -> None:
    scene = Scene(trusted_proxies=("192.0.2.2",))
    scene.ask(headers=FORWARDED)
    assert (scene.handled.remote, scene.handled.scheme, scene.handled.host) == (PEER, "http", HOST)


def test_reload_changes_who_is_trusted() -> None:
    scene = Scene()
    config = Config(listen=ListenSettings(trusted_proxies=(PEER,)))
    scene.settings.replace(Loaded(config, {}))
    scene.ask(headers=FORWARDED)
    assert scene.handled.remote == CLIENT


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("10.0.0.1:8080", 200),
        ("drone", 200),
        ("cert.example", 200),
        ("named.example", 200),
    ],
)
@pytest.mark.parametrize("path", ["/call", "/api/status", "/metrics", SOCKETIO])
def test_browser_has_to_call_by_a_name_of_the_server(path: str, host: str, status: int) -> None:
    scene = Scene(names=("named.example",))
    answer = scene.ask(path, {"Host": host, "User-Agent": BROWSER})
    assert answer.status == status
    if status == 403:
        assert scene.refused == [("foreign-host", PEER)]
        assert "listen.names" in str(answer.text)


def test_host_rule_is_for_browsers_on_open_servers() -> None:
    foreign = {"Host": "evil.example", "User-Agent": BROWSER}
    assert Scene().ask("/metrics", {"Host": "evil.example"}).status == 200
    assert Scene(tokens=True).ask("/metrics", foreign).status == 200
    assert Scene().ask("/", foreign).status == Scene().ask("/healthz", foreign).status == 200


@pytest.mark.parametrize("host", ["X-Forwarded-Host", "Host"])
def test_both_hosts_have_to_be_names_of_the_server(host: str) -> None:
    scene = Scene(trusted_proxies=(PEER,))
    own = {"X-Forwarded-Host": HOST, "User-Agent": BROWSER}
    assert scene.ask("/call", own).status == 200
    assert scene.ask("/call", {**own, host: "evil.example"}).status == 403
    assert scene.refused == [("foreign-host", PEER)]


@pytest.mark.parametrize(
    ("origins", "tokens", "passing"),
    [
        ("auto", False, [OWN, "http://10.0.0.5:3000", "http://gcom.local"]),
        ("auto", True, [OWN, GCOM, FOREIGN, "http://10.0.0.5:3000", "http://gcom.local"]),
        ("*", False, [OWN, GCOM, FOREIGN, "null", "http://10.0.0.5:3000", "http://gcom.local"]),
        ((GCOM,), False, [OWN, GCOM]),
        ((GCOM, "null"), True, [OWN, GCOM, "null"]),
    ],
)
def test_origins(origins: Any, tokens: bool, passing: list[str]) -> None:
    for origin in (OWN, GCOM, FOREIGN, "null", "http://10.0.0.5:3000", "http://gcom.local"):
        scene = Scene(tokens, origins, names=("drone.local",))
        answer = scene.ask(SOCKETIO, {"Origin": origin})
        may = origin in passing
        assert answer.status == (200 if may else 400)
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if may else None)
        assert scene.refused == ([] if may else [("foreign-origin", PEER)])
        if not may:
            assert "socketio.cors_allowed_origins" in str(answer.text)


def test_own_origin_behind_a_proxy_is_that_of_the_proxy() -> None:
    scene = Scene(origins=(GCOM,), trusted_proxies=(PEER,), names=("drone.example",))
    assert scene.ask(SOCKETIO, {**FORWARDED, "Origin": "https://drone.example"}).status == 200
    assert scene.ask(SOCKETIO, {**FORWARDED, "Origin": OWN}).status == 400


def test_rebound_name_is_no_own_origin() -> None:
    for tokens in (True, False):
        scene = Scene(tokens, (GCOM,))
        headers = {"Host": "evil.example", "Origin": "http://evil.example"}
        assert scene.ask(SOCKETIO, headers).status in (400, 403)


def test_pages_are_for_all_origins_but_only_allowed_ones_may_read() -> None:
    scene = Scene(origins=(GCOM,))
    assert scene.ask("/api/status", {"Origin": FOREIGN}).status == 200
    assert allowed_origin(scene.handled) is None
    answer = scene.ask("/api/status", {"Origin": GCOM})
    assert allowed_origin(scene.handled) == GCOM
    assert "Access-Control-Allow-Origin" not in answer.headers
    scene.ask("/api/status")
    assert allowed_origin(scene.handled) is None


def test_client_of_a_proxy_keeps_its_allowed_origin() -> None:
    scene = Scene(trusted_proxies=(PEER,), names=("drone.example",))
    scene.ask(SOCKETIO, {**FORWARDED, "Origin": "http://10.0.0.5"})
    assert allowed_origin(scene.handled) == "http://10.0.0.5"


@pytest.mark.parametrize(
    ("origins", "tokens", "credentials"),
    [
        ("*", False, "true"),
        ("*", True, None),
        ("auto", True, None),
        ((GCOM,), True, "true"),
    ],
)
def test_pages_of_any_origin_send_no_credentials_where_tokens_count(
    origins: Any, tokens: bool, credentials: str | None
) -> None:
    answer = Scene(tokens, origins).ask(SOCKETIO, {"Origin": GCOM})
    assert answer.headers.get("Access-Control-Allow-Credentials") == credentials


def test_preflight_is_answered() -> None:
    asked = {"Origin": GCOM, "Access-Control-Request-Headers": "x-token"}
    scene = Scene(origins=(GCOM,))
    headers = scene.ask(SOCKETIO, asked, "OPTIONS").headers
    assert headers["Access-Control-Allow-Methods"] == METHODS
    assert headers["Access-Control-Allow-Headers"] == "x-token"
    without = scene.ask(SOCKETIO, {"Origin": GCOM}, "OPTIONS").headers
    assert "Access-Control-Allow-Headers" not in without


def test_request_without_a_host_asks_no_dns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: pytest.fail("asked"))
    caplog.set_level(logging.WARNING)
    request = make_mocked_request("GET", "/")

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response()

    assert asyncio.run(Scene().callers.judge(request, handler)).status == 200
