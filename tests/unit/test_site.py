"""The HTTP server without a socket: callers come with a transport."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.web.callers import Callers
from signaling_server.web.site import Site


def callers() -> Callers:
    return Callers(Settings(Loaded(Config(), {})), lambda: (), lambda fact: None)


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


def test_caller_is_answered_and_each_request_reported() -> None:
    async def scene() -> None:
        reported: list[asyncio.BaseProtocol] = []
        site = Site([web.get("/", hello)], reported.append, callers())
        await site.start()
        ours, theirs = socket.socketpair()
        protocol = site.protocol()
        await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, theirs)
        assert site.connections == 1
        reader, writer = await asyncio.open_connection(sock=ours)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: drone\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(5) == b"hello"
        assert reported == [protocol, protocol]
        await site.stop(0.1)
        assert await reader.read() == b""
        assert site_is_empty(site)
        writer.close()

    asyncio.run(scene())


def site_is_empty(site: Site) -> bool:
    with pytest.raises(RuntimeError, match="not been started"):
        site.protocol()
    return True


def test_site_that_has_not_been_started_takes_no_caller() -> None:
    async def scene() -> None:
        assert site_is_empty(Site([], lambda protocol: None, callers()))

    asyncio.run(scene())
