"""Arbitrary headers of a request: each gets an answer, and nothing foreign passes."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, ListenSettings
from signaling_server.core.protocol.events import Fact
from signaling_server.web.callers import Callers, allowed_origin

PROXY, STRANGER = "192.0.2.1", "192.0.2.2"
CONFIG = Config(listen=ListenSettings(trusted_proxies=(PROXY,)))
HOSTS = ("10.0.0.1", "10.0.0.1:80", "[::1]:8080", "localhost", "evil.example")
ORIGINS = ("null", "http://10.0.0.1", "http://evil.example", "https://localhost")
words = st.sampled_from([*HOSTS, *ORIGINS, "http", "https", "/drone", "Mozilla/5.0", ","])
texts = st.lists(words | st.text(st.characters(max_codepoint=255), max_size=5), max_size=4)
FORWARDED = tuple(f"X-Forwarded-{what}" for what in ("For", "Proto", "Host", "Prefix"))
names = st.sampled_from(["Host", "Origin", "User-Agent", "Referer", "Sec-Fetch-Site", *FORWARDED])
headers = st.lists(st.tuples(names, texts.map(", ".join)), max_size=8)
paths = st.sampled_from(["/", "/call", "/socket.io/", "/metrics"])


@given(headers, paths, st.sampled_from([PROXY, STRANGER]))
def test_every_request_is_answered(headers: list[tuple[str, str]], path: str, peer: str) -> None:
    facts: list[Fact] = []
    handled: list[web.Request] = []
    callers = Callers(Settings(Loaded(CONFIG, {})), lambda: (), facts.append)
    request = make_mocked_request("GET", path, headers=CIMultiDict(headers))
    request._cache["remote"] = peer

    async def handler(request: web.Request) -> web.StreamResponse:
        handled.append(request)
        return web.Response()

    response = asyncio.run(callers.judge(request, handler))
    assert (response.status == 200) == bool(handled) == (not facts)
    for seen in handled:
        assert "evil" not in (allowed_origin(seen) or "")
        assert peer == PROXY or seen.remote == STRANGER
        if "Mozilla/5.0" in seen.headers.get("User-Agent", "") and path != "/":
            assert "evil.example" not in seen.headers.getall("Host", [])
