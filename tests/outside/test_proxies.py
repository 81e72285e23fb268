"""The server behind the proxies of docs/proxies.md, with the files that it gives to operators."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.server
import json
import re
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import aiohttp
import pytest
import socketio

from integration.client import TRANSPORTS
from integration.server import PATIENCE, ServerProcess, run_to_its_end
from outside.proxies import DOCUMENTED, PROXIES, Proxy, free_port
from signaling_server.core.config.schema import SocketIOSettings

OFFER = {"type": "offer", "data": {"sdp": "v=0"}}
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "ftp",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
}
CLIENT = "127.0.0.5"
"""The address that clients of these tests come from: a proxy calls from 127.0.0.1."""

each_proxy = pytest.mark.parametrize("name", PROXIES)
each_scheme = pytest.mark.parametrize("scheme", ["http", "https"])
each_prefix = pytest.mark.parametrize("prefix", ["", "/drone"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with its defaults, behind all of them."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def running(
    server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Proxy]]:
    """The proxies that tests asked for; they end after the last test."""
    started: dict[str, Proxy] = {}
    yield started
    for proxy in started.values():
        proxy.__exit__(None, None, None)


@pytest.fixture
def proxy(
    name: str,
    running: dict[str, Proxy],
    server: ServerProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Proxy:
    if name not in running:
        running[name] = PROXIES[name](tmp_path_factory.mktemp(name), server.port).__enter__()
    return running[name]


class Member:
    """The official Python client behind a proxy: its events, in order."""

    def __init__(self, proxy: Proxy) -> None:
        context = ssl.create_default_context(cafile=proxy.ca)
        connector = aiohttp.TCPConnector(ssl=context, local_addr=(CLIENT, 0))
        self._session = aiohttp.ClientSession(connector=connector)
        self._client = socketio.AsyncClient(reconnection=False, http_session=self._session)
        self._client.on("*", lambda event, payload: self._events.put_nowait((event, payload)))
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    async def join(self, url: str, prefix: str, transport: str, **headers: str) -> None:
        await self._client.connect(
            url,
            headers=headers,
            transports=TRANSPORTS[transport],
            socketio_path=f"{prefix}/socket.io",
            wait_timeout=PATIENCE,
        )
        await self.next("welcome")

    async def next(self, event: str) -> Any:
        while True:
            name, payload = await asyncio.wait_for(self._events.get(), PATIENCE)
            if name == event:
                return payload

    async def call(self, *arguments: Any) -> Any:
        return await self._client.call(arguments[0], arguments[1:], timeout=PATIENCE)

    def transport(self) -> str:
        return str(self._client.transport())

    async def close(self) -> None:
        await self._client.shutdown()
        await self._session.close()


async def meet(proxy: Proxy, scheme: str, prefix: str, transport: str) -> None:
    """Node and GCOM in a room of their own: an offer, and its answer."""
    room = f"{scheme}{prefix.strip('/')}-{transport}"
    node, gcom = Member(proxy), Member(proxy)
    try:
        url = proxy.url(scheme, f"/?room={room}")
        await node.join(f"{url}&name=node", prefix, transport)
        await gcom.join(f"{url}&name=gcom", prefix, transport)
        await node.next("peer_joined")
        assert (await node.call("signal", OFFER))["delivered"] == 1
        assert await gcom.next("signal") == {**OFFER, "from": "node"}
        assert (await gcom.call("signal", {**OFFER, "type": "answer", "to": "node"}))["ok"]
        assert (await node.next("signal"))["type"] == "answer"
        expected = "polling" if transport == "polling" else "websocket"
        assert {node.transport(), gcom.transport()} == {expected}
    finally:
        await node.close()
        await gcom.close()


@each_proxy
@each_scheme
@each_prefix
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_clients_meet_behind_it(proxy: Proxy, scheme: str, prefix: str, transport: str) -> None:
    asyncio.run(asyncio.wait_for(meet(proxy, scheme, prefix, transport), 3 * PATIENCE))


def get(proxy: Proxy, scheme: str, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """One answer as it comes; nothing is followed."""
    port = proxy.ends.tls if scheme == "https" else proxy.ends.plain
    if scheme == "https":
        context = ssl.create_default_context(cafile=proxy.ca)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE, context=context, source_address=(CLIENT, 0)
        )
    else:
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE, source_address=(CLIENT, 0)
        )
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def status(proxy: Proxy, path: str) -> int:
    with get(proxy, "http", path, {}) as answer:
        return answer.status


@each_proxy
@each_scheme
def test_pages_are_reached_below_the_prefix(proxy: Proxy, scheme: str) -> None:
    for path in ("/healthz", "/drone/healthz"):
        with get(proxy, scheme, path, {}) as answer:
            assert json.load(answer)["status"] == "ok"
    with get(proxy, scheme, "/drone", {}) as answer:
        assert answer.status == 301
        assert (answer.headers["Location"]).endswith("/drone/")


@each_proxy
def test_probe_and_status_reach_the_server_below_the_prefix(proxy: Proxy) -> None:
    for command in ("probe", "status"):
        asked = run_to_its_end(command, "--url", proxy.url("http", "/drone/"))
        assert asked.returncode == 0, asked.stdout + asked.stderr


class Echo(http.server.BaseHTTPRequestHandler):
    """In the server's place: answers with what arrived."""

    protocol_version = "HTTP/1.1"
    health = 200

    def do_GET(self) -> None:
        headers = self.headers.items()
        told = {"path": self.path, "version": self.request_version, "headers": headers}
        body = json.dumps(told).encode()
        self.send_response(self.health if self.path == "/healthz" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Failing(Echo):
    """One that fails its health check."""

    health = 503


@contextlib.contextmanager
def echo(kind: type[Echo]) -> Iterator[int]:
    """Run it; gives its port."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield listener.server_port
    finally:
        listener.shutdown()
        thread.join(PATIENCE)
        listener.server_close()


@each_proxy
def test_nothing_that_a_client_forges_arrives(name: str, tmp_path: Path) -> None:
    with echo(Echo) as port, PROXIES[name](tmp_path, port) as proxy:
        for scheme in ("http", "https"):
            for path, arrived, prefix in (
                ("/call?x=/drone/", "/call?x=/drone/", []),
                ("/drone/call?a=b", "/call?a=b", ["/drone"]),
                ("/drones/", "/drones/", []),
            ):
                with get(proxy, scheme, path, FORGED) as answer:
                    told = json.load(answer)
                found = {
                    key: [value for k, value in told["headers"] if k.lower() == key.lower()]
                    for key in (*FORGED, "Host")
                }
                host = proxy.url(scheme).partition("://")[2]
                assert (told["path"], told["version"]) == (arrived, "HTTP/1.1")
                assert found == {
                    "X-Forwarded-For": [CLIENT],
                    "X-Forwarded-Proto": [scheme],
                    "X-Forwarded-Host": [host],
                    "X-Forwarded-Prefix": prefix,
                    "Host": [host],
                }


@each_proxy
def test_proxy_serves_as_soon_as_the_server_is_there(name: str, tmp_path: Path) -> None:
    port = free_port()
    with PROXIES[name](tmp_path, port) as proxy:
        wait_for(proxy, lambda code: code in (502, 503))
        with ServerProcess(tmp_path, {"listen": {"port": port}}):
            began = time.monotonic()
            wait_for(proxy, lambda code: code == 200)
            assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["haproxy", "caddy"])
def test_health_check_keeps_clients_from_a_server_that_fails(name: str, tmp_path: Path) -> None:
    with echo(Failing) as port, PROXIES[name](tmp_path, port) as proxy:
        wait_for(proxy, lambda code: code == 503, "/call")


def wait_for(proxy: Proxy, fits: Callable[[int], bool], path: str = "/healthz") -> None:
    """Until its answer fits."""
    deadline = time.monotonic() + PATIENCE
    while True:
        code = status(proxy, path)
        if fits(code):
            return
        assert time.monotonic() < deadline, (code, proxy.log())
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("nginx.conf", {"proxy_read_timeout": 1, "proxy_send_timeout": 1}),
        ("haproxy.cfg", {"timeout client": 1, "timeout server": 1, "timeout tunnel": 1}),
        ("apache.conf", {"timeout=": 2}),
    ],
)
def test_idle_clients_outlast_their_pings(name: str, keys: dict[str, int]) -> None:
    text = (DOCUMENTED / name).read_text()
    defaults = SocketIOSettings()
    for key, times in keys.items():
        seconds = re.findall(rf"^[^#\n]*{key}\s*([0-9]+)", text, re.MULTILINE)
        assert len(seconds) == times
        assert min(map(int, seconds)) > defaults.ping_interval + defaults.ping_timeout


async def join_and_go(proxy: Proxy, scheme: str, prefix: str, **headers: str) -> None:
    member = Member(proxy)
    try:
        await member.join(proxy.url(scheme, "/?name=node"), prefix, "websocket", **headers)
    finally:
        await member.close()


@each_proxy
def test_server_that_trusts_it_knows_the_client(name: str, tmp_path: Path) -> None:
    config = {
        "listen": {"trusted_proxies": ["127.0.0.1"]},
        "socketio": {"cors_allowed_origins": ["https://gcom.example"]},
    }
    with ServerProcess(tmp_path, config) as server, PROXIES[name](tmp_path, server.port) as proxy:
        for scheme in ("http", "https"):
            for prefix in ("", "/drone"):
                before = len(server.lines)
                own = {"Origin": proxy.url(scheme), **FORGED}
                asyncio.run(join_and_go(proxy, scheme, prefix, **own))
                line = server.wait_for_line("joined", before)[0]
                assert CLIENT in server.wait_for_line(rf"joined.*{re.escape(CLIENT)}", before)[0]
                assert "6.6.6.6" not in line
        with pytest.raises(socketio.exceptions.ConnectionError):
            asyncio.run(join_and_go(proxy, "https", "", Origin="https://evil.example"))
