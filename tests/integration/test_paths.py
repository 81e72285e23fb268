"""Fast path and slow path: whatever clients send, in any order, each of them hears the same."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from itertools import chain, count, repeat
from typing import Any, Iterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from engineio import async_socket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framing import frame
from signaling_server.app import App
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import (
    Config,
    LimitsSettings,
    ListenSettings,
    SocketIOSettings,
)
from signaling_server.logs.pipe import LogPipe
from signaling_server.process import end_all_tasks

CLIENTS = ("a", "b", "c")
LIMITS = LimitsSettings(messages_per_second=1e6, burst=10**6, message_bytes=2000, bad_packets=10**6)
FORMS = ("plain", "plain", "acked", "acked", "pieces", "behind a ping", "wide", "spaced")
HANDSHAKE = (
    "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
rooms = count()

to = st.sampled_from([None, "a", "b", "c", "nobody", "", 7])
kinds = st.sampled_from(["offer", "answer", "ice-candidate", "nonsense", None])
bodies = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "data": st.sampled_from([{"sdp": "x"}, {"sdp": "ü€😀"}, None, [], {"n": 2.0**70}]),
        "to": to,
        "from": st.just("somebody else"),
        "seq": st.just(999),
        "padding": st.sampled_from(["short", "x" * 1900, "x" * 3000]),
    },
)


def packets(body: Any) -> st.SearchStrategy[str]:
    """The ways to write a signal: plain, and those that take the slow path."""
    text = json.dumps(body, separators=(",", ":"))
    spaced = json.dumps(body)
    return st.sampled_from(
        [
            f'42["signal",{text}]',
            f'42["signal", {spaced} ]',
            f'42/,["signal",{text}]',
            f'4217["signal",{text}]',
            f'420["signal",{text}]',
            f'42{2**53}["signal",{text}]',
            f'42017["signal",{text}]',
            f'42{10**16}["signal",{text}]',
            f'4217["signal",{text[:-1]}]',
            f'4217["signal",{text},{text}]',
            f'42["\\u0073ignal",{text}]',
            f'42["signal",{text},{text}]',
            f'42["signal",{text[:-1]}]',
            '42["signal"]',
            '451-["signal",{"_placeholder":true,"num":0}]',
            "4abc",
        ]
    )


steps = st.lists(
    st.tuples(st.sampled_from(CLIENTS), bodies.flatmap(packets), st.booleans()), max_size=12
)
"""Who sends what, and whether a PING goes before it."""


class Client:
    """One connection, and all that it heard."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.heard: list[str] = []

    async def send(self, packet: str, ping: bool = False) -> None:
        """Send a packet, and wait until the server is through with it."""
        if ping:
            await self._socket.ping(b"are you there")
        await self._socket.send_str(packet)
        await self._socket.send_str('4299["ice_servers"]')
        await self.read_until("4399[")

    async def enter(self, **auth: str) -> None:
        """Say hello, and wait for the welcome."""
        await self._socket.send_str("40" + json.dumps(auth))
        await self.read_until('42["welcome"')

    async def read_until(self, start: str) -> str:
        """Note what comes, up to a packet that begins so; returns that one."""
        while not (text := await self._socket.receive_str()).startswith(start):
            if text == "2":
                await self._socket.send_str("3")
            elif not text.startswith(("0{", "40{")):
                self.heard.append(text)
        return text

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[asyncio.AbstractEventLoop, list[str]]]:
    """A loop, and the URLs of two servers in it: with the fast path, without it."""
    loop = asyncio.new_event_loop()
    pipe = LogPipe(lambda line: None, lambda: None)
    apps = []
    for fast in (True, False):
        options = SocketIOSettings(fast_path=fast)
        config = Config(listen=ListenSettings("127.0.0.1", 0), socketio=options, limits=LIMITS)
        apps.append(loop.run_until_complete(_made(Loaded(config, {}), pipe)))
    yield loop, [url for _, url in apps]
    for app, _ in apps:
        loop.run_until_complete(app.stop())
    loop.run_until_complete(end_all_tasks())
    pipe.close()
    loop.close()


async def _made(loaded: Loaded, pipe: LogPipe) -> tuple[App, str]:
    app = App(loaded, pipe)
    return app, await app.start()


async def heard_at(url: str, script: list[tuple[str, str, bool]]) -> dict[str, list[str]]:
    """Play a script in a room of its own; what each client heard."""
    room = f"room-{next(rooms)}"
    async with aiohttp.ClientSession() as session:
        clients = {}
        for name in CLIENTS:
            query = f"EIO=4&transport=websocket&room={room}&name={name}"
            socket = await session.ws_connect(f"{url}/socket.io/?{query}", autoping=True)
            client = clients[name] = Client(socket)
            await client.enter(**({"session": "key"} if name == "c" else {}))
        for name, packet, ping in script:
            await clients[name].send(packet, ping)
        for client in clients.values():
            await client.send('42["nothing"]')
        for client in clients.values():
            await client.close()
        return {name: client.heard for name, client in clients.items()}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=steps)
def test_every_client_hears_the_same_on_both_paths(
    world: tuple[asyncio.AbstractEventLoop, list[str]], script: list[tuple[str, str, bool]]
) -> None:
    loop, urls = world
    fast, slow = (loop.run_until_complete(heard_at(url, script)) for url in urls)
    assert fast == slow


def signal_frames(number: int, form: str, mask: bytes) -> bytes:
    """A numbered signal: plain in one frame, and in the ways that take the slow path."""
    body = json.dumps({"type": "offer", "data": {"n": number, "sdp": "ü" * 40}})
    asks = form in ("acked", "pieces", "spaced")
    space = " " if form == "spaced" else ""
    text = f'42{number if asks else ""}{space}["signal",{body}]'.encode()
    if form == "pieces":
        first, rest = frame(text[:20], final=False, mask=mask), frame(text[20:], 0, mask=mask)
        return first + frame(b"", opcode=9, mask=mask) + rest
    before = frame(b"a ping", opcode=9, mask=mask) if form == "behind a ping" else b""
    return before + frame(text, mask=mask, wide=form == "wide")


async def numbers_heard(
    url: str, sent: list[tuple[bytes, int]], count: int
) -> tuple[list[int], list[int]]:
    """Send these bytes, each with so many turns of the loop after it; the numbers of `count`
    signals as the other side hears them, and those that are answered."""
    path = f"/socket.io/?EIO=4&transport=websocket&room=room-{next(rooms)}"
    address = urlsplit(url)
    async with aiohttp.ClientSession() as session:
        gcom = Client(await session.ws_connect(url + path))
        await gcom.enter()
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(HANDSHAKE.format(path).encode() + frame(b"40"))
        await reader.readuntil(b'42["welcome"')
        for part, turns in sent:
            writer.write(part)
            for _ in range(turns):
                await asyncio.sleep(0)
        texts = [await gcom.read_until('42["signal"') for _ in range(count)]
        writer.write(frame(b'42999["ice_servers"]'))
        heard = await reader.readuntil(b"43999[")
        writer.close()
        await gcom.close()
    numbers = [json.loads(text[2:])[1]["data"]["n"] for text in texts]
    return numbers, [int(number) for number in re.findall(rb"43(\d+)\[", heard)[:-1]]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    forms=st.lists(st.sampled_from(FORMS), min_size=2, max_size=20),
    mask=st.binary(min_size=4, max_size=4),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), max_size=20),
)
def test_signals_arrive_in_order_however_their_frames_come(
    world: tuple[asyncio.AbstractEventLoop, list[str]],
    forms: list[str],
    mask: bytes,
    cuts: list[tuple[float, int]],
) -> None:
    loop, urls = world
    sent = []
    for (number, form), (cut, turns) in zip(enumerate(forms), chain(cuts, repeat((1.0, 1)))):
        whole = signal_frames(number, form, mask)
        place = int(cut * len(whole))
        sent += [(whole[:place], turns), (whole[place:], turns)]
    heard, answered = loop.run_until_complete(numbers_heard(urls[0], sent, len(forms)))
    assert heard == list(range(len(forms)))
    asked = [number for number, form in enumerate(forms) if form in ("acked", "pieces", "spaced")]
    assert answered == asked


def test_engine_io_that_has_changed_means_the_slow_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(async_socket.AsyncSocket, "_websocket_handler")

    async def start() -> Any:
        pipe = LogPipe(lambda line: None, lambda: None)
        app = App(Loaded(Config(listen=ListenSettings("127.0.0.1", 0)), {}), pipe)
        pipe.close()
        return app.transport._engine._eio._async["websocket"].keywords["options"].relay_signal

    with caplog.at_level(logging.ERROR, "signaling_server"):
        assert asyncio.run(start()) is None
    assert "fast path disabled: aiohttp or engine.io internals have changed (" in caplog.text
