"""The short way of a signal and the ordinary one: whatever clients send, in whatever order, each of
them hears the same."""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import count
from typing import Any, Iterator

import aiohttp
import pytest
from engineio import async_socket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling_server.app import App, end_all_tasks
from signaling_server.core.config import Config, Limits, Listen, Loaded, SocketIO
from signaling_server.logs import LogPipe

CLIENTS = ("a", "b", "c")
LIMITS = Limits(messages_per_second=1e6, burst=10**6, message_bytes=2000, bad_packets=10**6)
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
    """The ways to write a signal: ordinary, and such as take the ordinary path."""
    text = json.dumps(body, separators=(",", ":"))
    spaced = json.dumps(body)
    return st.sampled_from(
        [
            f'42["signal",{text}]',
            f'42["signal", {spaced} ]',
            f'42/,["signal",{text}]',
            f'4217["signal",{text}]',
            f'42["\\u0073ignal",{text}]',
            f'42["signal",{text},{text}]',
            f'42["signal",{text[:-1]}]',
            '42["signal"]',
            '451-["signal",{"_placeholder":true,"num":0}]',
            "4abc",
        ]
    )


steps = st.lists(st.tuples(st.sampled_from(CLIENTS), bodies.flatmap(packets)), max_size=12)


class Client:
    """One connection, and all that it heard."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.heard: list[str] = []

    async def send(self, packet: str) -> None:
        """Send a packet, and wait until the server is through with it."""
        await self._socket.send_str(packet)
        await self._socket.send_str('4299["ice_servers"]')
        await self.read_until("4399[")

    async def read_until(self, start: str) -> None:
        """Note what comes, up to a packet that begins so."""
        while not (text := await self._socket.receive_str()).startswith(start):
            if text == "2":
                await self._socket.send_str("3")
            elif not text.startswith(("0{", "40{")):
                self.heard.append(text)

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[asyncio.AbstractEventLoop, list[str]]]:
    """A loop, and the URLs of two servers in it: the short way, the ordinary one."""
    loop = asyncio.new_event_loop()
    pipe = LogPipe(lambda line: None, lambda: None)
    apps = []
    for fast in (True, False):
        options = SocketIO(fast_path=fast)
        config = Config(listen=Listen("127.0.0.1", 0), socketio=options, limits=LIMITS)
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


async def heard_at(url: str, script: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Play a script in a room of its own; what each client heard."""
    room = f"room-{next(rooms)}"
    async with aiohttp.ClientSession() as session:
        clients = {}
        for name in CLIENTS:
            query = f"EIO=4&transport=websocket&room={room}&name={name}"
            socket = await session.ws_connect(f"{url}/socket.io/?{query}", autoping=True)
            client = clients[name] = Client(socket)
            auth = {"session": "key"} if name == "c" else {}
            await socket.send_str("40" + json.dumps(auth))
            await client.read_until('42["welcome"')
        for name, packet in script:
            await clients[name].send(packet)
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
    world: tuple[asyncio.AbstractEventLoop, list[str]], script: list[tuple[str, str]]
) -> None:
    loop, urls = world
    short, ordinary = (loop.run_until_complete(heard_at(url, script)) for url in urls)
    assert short == ordinary


def test_engine_io_that_has_changed_means_the_ordinary_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(async_socket.AsyncSocket, "_websocket_handler")

    async def start() -> Any:
        pipe = LogPipe(lambda line: None, lambda: None)
        app = App(Loaded(Config(listen=Listen("127.0.0.1", 0)), {}), pipe)
        pipe.close()
        return app.transport._sio.eio._async["websocket"].keywords["on_signal"]

    with caplog.at_level(logging.ERROR, "signaling_server"):
        assert asyncio.run(start()) is None
    assert "signals take the ordinary path, engine.io has changed" in caplog.text
