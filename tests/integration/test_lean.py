"""What an idle client keeps on the server: nothing of the HTTP request that it began with."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import http, web

from integration.test_cost import _heard, _join, _served
from signaling_server.app import App

CLIENTS = 40
MOST_BYTES = 22 * 1024
"""Memory of an idle client, at most, as Python counts it (tracemalloc), on asyncio's own loop and
with the client's transport: it took 17.7 KB on Python 3.11, 19.7 on 3.13, and 21.8 on 3.8 with
aiohttp 3.10, when this was recorded. While a client kept its request it took 26.3 on Python 3.11.
"""


@pytest.fixture(autouse=True)
def websockets() -> None:
    """Nobody watches the frames here: that would be measured as well."""


class Caller:
    """A client with as little memory as can be: it is measured as well, in the same process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hears(self, what: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(what), 10)

    def says(self, frame: bytes) -> None:
        self.writer.write(frame)


HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame, with a mask that changes nothing."""
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


@asynccontextmanager
async def called(url: str, sent: bytes = b"", more: str = "") -> AsyncIterator[Caller]:
    """A client that has its answer to the handshake, and `sent` this with it."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    caller = Caller(reader, writer)
    caller.says(HANDSHAKE.format(port=port, more=more).encode() + sent)
    try:
        await caller.hears(b'"sid"')
        yield caller
    finally:
        writer.close()


def play(scene: Callable[[App, str], Any]) -> None:
    async def run() -> None:
        async with _served() as (app, url):
            await scene(app, url)

    asyncio.run(run())


def alive(kind: type) -> int:
    gc.collect()
    return sum(isinstance(one, kind) for one in gc.get_objects())


def test_idle_client_keeps_nothing_of_its_request() -> None:
    async def scene(app: App, url: str) -> None:
        others = alive(web.Request), alive(http.HttpRequestParser)
        frame = masked(0x81, b"40{}")
        async with called(url, frame) as first, called(url, frame) as second:
            for caller in (first, second):
                await caller.hears(b'"welcome"')
            assert (alive(web.Request), alive(http.HttpRequestParser)) == others
            theirs = [one for one in asyncio.all_tasks() if "serve" in repr(one.get_coro())]
            requests = [one for one in asyncio.all_tasks() if "RequestHandler" in repr(one)]
            assert (len(theirs), requests) == (2, []), "one task serves each"

    play(scene)


def test_idle_client_takes_no_more_memory_than_is_allowed() -> None:
    async def scene(app: App, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await (await _join(session, url)).close()  # what is made once is made now
        tracemalloc.start()
        here = [tracemalloc.Filter(False, one) for one in (__file__, "*/asyncio/streams.py")]
        calls = []
        for number in range(CLIENTS):
            connect = b'40{"name":"c","room":"%d"}' % number
            calls.append(called(url, masked(0x81, connect)))
            await (await calls[-1].__aenter__()).hears(b'"welcome"')
        gc.collect()
        lines = tracemalloc.take_snapshot().filter_traces(here).statistics("filename")
        tracemalloc.stop()
        for one in calls:
            await one.__aexit__(None, None, None)
        assert sum(line.size for line in lines) / CLIENTS <= MOST_BYTES, lines[:20]

    play(scene)


@pytest.mark.parametrize("cut", [1, 5, 9])
def test_frames_that_come_with_the_handshake_are_read_in_order(cut: int) -> None:
    async def scene(app: App, url: str) -> None:
        frames = masked(0x81, b"40{}") + masked(0x81, b'421["ice_servers"]')
        async with called(url, frames[:cut]) as caller:
            caller.says(frames[cut:])
            await caller.hears(b'"welcome"')
            await caller.hears(b"431[")

    play(scene)


@pytest.mark.parametrize(
    "last",
    [masked(0x88, b"\x03\xe8"), masked(0x83, b"x"), b"\x81\x01x"],
    ids=["close frame", "reserved opcode", "frame without a mask"],
)
def test_tcp_connection_ends_with_the_websocket(last: bytes) -> None:
    async def scene(app: App, url: str) -> None:
        async with called(url, masked(0x81, b"40{}")) as caller:
            await caller.hears(b'"welcome"')
            caller.says(last)
            await asyncio.wait_for(caller.reader.read(), 10)  # to the end
        while app.transport._connections.by_sid:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not app.transport._engine.sockets

    play(scene)


def test_connection_of_a_client_that_vanishes_is_forgotten() -> None:
    async def scene(app: App, url: str) -> None:
        async with called(url, masked(0x81, b"40{}")) as caller:
            await caller.hears(b'"welcome"')
            caller.writer.transport.abort()
        while app.transport._engine.sockets or app._site.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    play(scene)


def test_client_that_vanishes_with_its_handshake_is_forgotten() -> None:
    async def scene(app: App, url: str) -> None:
        port = int(url.rpartition(":")[2])
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HANDSHAKE.format(port=port, more="").encode())
            await asyncio.sleep(0)
            writer.transport.abort()  # type: ignore[attr-defined]
        async with aiohttp.ClientSession() as session:
            socket = await _join(session, url)
            await socket.send_str('427["ice_servers"]')
            await _heard(socket, "437[")
            await socket.close()
        while app.transport._engine.sockets or app._site.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    play(scene)


def test_server_that_stops_ends_every_connection() -> None:
    async def run() -> None:
        async with _served() as (_, url):
            call = called(url, masked(0x81, b"40{}"))
            caller = await call.__aenter__()
            await caller.hears(b'"welcome"')
        await asyncio.wait_for(caller.reader.read(), 10)
        await call.__aexit__(None, None, None)

    asyncio.run(run())
