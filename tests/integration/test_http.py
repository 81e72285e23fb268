"""Plain HTTP, and the addresses on which the server listens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integration.conftest import Visitors
from integration.pages import get
from integration.raw import RawClient
from integration.server import ServerProcess
from signaling_server.web.pages import FILES, VENDORED


def test_root_says_that_the_server_is_running(shared_server: ServerProcess) -> None:
    page = get(f"{shared_server.url}/")
    assert (page.status, page.body) == (200, "WebRTC Signaling Server is running")


async def test_healthz_counts_peers_and_rooms(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with RawClient(server.url, room="a") as one, RawClient(server.url, room="b") as two:
            await one.hello()
            await two.hello()
            page = get(f"{server.url}/healthz")
    health = page.json()
    assert (page.status, health["status"], health["peers"], health["rooms"]) == (200, "ok", 2, 2)
    assert health["version"]
    assert health["uptime_seconds"] >= 0


ABSOLUTE = re.compile(r"""(?:href|src|path|action)="/|[(\s]["'`]/(?!/)""")
"""A URL with a path from the root, in HTML or in a script."""


def test_urls_of_the_pages_are_relative_because_a_proxy_may_put_them_below_a_prefix(
    shared_server: ServerProcess,
) -> None:
    own = [name for name in FILES if name not in VENDORED and not name.startswith("vendor/")]
    for path in ("status", "call", *(f"static/{name}" for name in own)):
        page = get(f"{shared_server.url}/{path}")
        assert page.status == 200
        assert not ABSOLUTE.findall(page.body), path
    assert ABSOLUTE.search('fetch("/api/status")')
    assert ABSOLUTE.search('<a href="/call">')


def test_unknown_path_is_not_found(shared_server: ServerProcess) -> None:
    assert get(f"{shared_server.url}/nothing").status == 404


async def test_full_room_is_http_503_with_the_reason(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        async with RawClient(server.url) as first:
            await first.hello()
            page = get(f"{server.url}/socket.io/?EIO=4&transport=polling")
    assert page.status == 503
    assert page.headers["Retry-After"]
    assert page.json()["code"] == "room-full"


@pytest.mark.parametrize(
    ("host", "reached_by"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["[::1]"]),
        ("localhost", ["localhost"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("::", ["127.0.0.1", "[::1]"]),
    ],
)
async def test_server_is_reached_by_ipv4_and_ipv6(
    visitors: Visitors, tmp_path: Path, host: str, reached_by: list[str]
) -> None:
    with ServerProcess(tmp_path, {"listen": {"host": "127.9.9.9"}}, "--host", host) as server:
        for address in reached_by:
            url = f"http://{address}:{server.port}"
            assert get(f"{url}/").status == 200
            for kind in ("python-websocket", "js-upgrade"):
                await visitors.join(url=url, kind=kind)
        await visitors.leave()
