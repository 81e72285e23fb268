"""The HTTP server without a socket: callers come with a transport."""

from __future__ import annotations

import asyncio
import errno
import socket
import zlib

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


def test_pipelined_requests_take_turns_with_others() -> None:
    async def scene() -> None:
        turns = answered = 0

        async def count(request: web.Request) -> web.Response:
            nonlocal answered
            answered += 1
            return web.Response()

        site = Site([web.get("/", count)], lambda protocol: None, callers())
        await site.start()
        ours, theirs = socket.socketpair()
        ours.sendall(b"GET / HTTP/1.1\r\nHost: drone\r\n\r\n" * 100)
        await asyncio.get_running_loop().connect_accepted_socket(site.protocol, theirs)
        while answered < 100:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 100
        await site.stop(0.1)
        ours.close()

    asyncio.run(asyncio.wait_for(scene(), 10))


@pytest.mark.parametrize(
    ("number", "status"), [(errno.EMFILE, b"503"), (errno.ENFILE, b"503"), (errno.EIO, b"500")]
)
def test_request_without_a_descriptor_left_is_to_come_again(number: int, status: bytes) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise OSError(number, "injected")

    async def scene() -> None:
        site = Site([web.get("/", fail)], lambda protocol: None, callers())
        await site.start()
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(site.protocol, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(b"GET / HTTP/1.1\r\nHost: drone\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.split(b" ")[1] == status
        assert (b"Retry-After: 2" in head) == (status == b"503")
        await site.stop(0.1)
        writer.close()

    asyncio.run(scene())


def test_site_that_has_not_been_started_takes_no_caller() -> None:
    async def scene() -> None:
        assert site_is_empty(Site([], lambda protocol: None, callers()))

    asyncio.run(scene())


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_body_that_no_route_wants_is_neither_read_nor_inflated(path: str) -> None:
    async def scene() -> None:
        site = Site([web.get("/", hello)], lambda protocol: None, callers())
        await site.start()
        ours, theirs = socket.socketpair()
        protocol = site.protocol()
        await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Encoding: deflate\r\n"
        writer.write(f"{head}Content-Length: 1000000\r\n\r\nabc".encode())
        answer = await asyncio.wait_for(reader.read(), 5)
        assert b" 40" in answer.split(b"\r\n")[0]
        writer.close()
        await site.stop(0.1)

    asyncio.run(scene())


def test_compressed_body_arrives_as_it_was_sent() -> None:
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(text="hello")

    async def scene() -> None:
        site = Site([web.post("/", take)], lambda protocol: None, callers())
        await site.start()
        for encoding in ("deflate", "gzip", "br", "zstd"):
            ours, theirs = socket.socketpair()
            protocol = site.protocol()
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, theirs)  # noqa: B023
            reader, writer = await asyncio.open_connection(sock=ours)
            head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: {encoding}\r\n"
            sent = zlib.compress(b"x" * 1000)
            writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
            assert b" 200 " in await reader.readuntil(b"\r\n")
            assert bodies.pop() == sent
            writer.close()
        await site.stop(0.1)

    asyncio.run(scene())
