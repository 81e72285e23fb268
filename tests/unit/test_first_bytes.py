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

CALLERS = Callers(Settings(Loaded(Config(), {})), lambda: (), lambda fact: None)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\nGET / HTTP/1.1\r\n\r\n", "proxy-protocol"),
        (b"\x16\x03\x01\x02\x00\x01" + b"\x01" * 30, "tls-on-plain-port"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPROXY TCP4", ""),
        (b"nonsense\r\n\r\n", ""),
    ],
)
def test_caller_that_does_not_speak_http_is_reported_once(said: bytes, code: str) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def scene() -> None:
        reported: list[tuple[str, str]] = []
        site = Site(
            [web.get("/", hello)],
            lambda protocol: None,
            CALLERS,
            lambda *report: reported.append(report),
        )
        await site.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            caller = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        protocol = site.protocol()
        await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, accepted)
        reader, writer = await asyncio.open_connection(sock=caller)
        writer.write(said)
        assert b"HTTP/1." in await reader.read(1000)
        assert reported == ([(code, "127.0.0.1")] if code else [])
        assert type(protocol) is web.RequestHandler, "it costs nothing from now on"
        writer.close()
        await site.stop(0.1)

    asyncio.run(scene())


def test_caller_that_is_gone_is_not_reported() -> None:
    async def scene() -> None:
        site = Site([], lambda protocol: None, CALLERS, lambda code, address: pytest.fail(code))
        await site.start()
        protocol = site.protocol()
        protocol.data_received(b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n")
        await site.stop(0.1)

    asyncio.run(scene())
