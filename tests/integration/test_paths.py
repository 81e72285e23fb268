"""Fast path and slow path: whatever clients send, in any order, each of them hears the same."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from itertools import chain, count, repeat
from typing import Any, Iterator, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import pytest
from engineio import async_socket
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from framing import frame
from integration.credentials import make_ca, make_certificate
from integration.seen import SILENT
from signaling_server.app import App
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import (
    Config,
    LimitsSettings,
    ListenSettings,
    SocketIOSettings,
    TLSSettings,
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
SIGNALS = (
    '42["signal",{"type":"offer","data":{"sdp":"v=0"}}]',
    '4217["signal",{"type":"ice-candidate","data":{"candidate":"ü"},"to":"c"}]',
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


class Step(NamedTuple):
    """A client sends a packet."""

    name: str
    packet: str
    ping: bool
    """Whether a PING goes before it."""


class Absence(NamedTuple):
    """The connection of the client with a session breaks, or is replaced by a new one."""

    unseen: int
    """How many of the signals that it has it says that it has not seen."""


sending = st.builds(Step, st.sampled_from(CLIENTS), bodies.flatmap(packets), st.booleans())
scripts = st.lists(sending | sending | sending | st.builds(Absence, st.integers(0, 3)), max_size=12)
KINDS = ("websocket", "after an upgrade", "TLS")


class Client:
    """One connection, and all that it heard."""

    def __init__(self, socket: Any = None) -> None:
        self._socket = socket
        self.heard: list[str] = []
        self.sid = ""

    async def connect(self, http: aiohttp.ClientSession, url: str, **auth: str | int) -> None:
        """Open a WebSocket, and enter."""
        self._socket = await http.ws_connect(f"{url}&transport=websocket", ssl=False)
        await self.enter(**auth)

    async def upgrade(self, http: aiohttp.ClientSession, url: str, **auth: str | int) -> None:
        """Enter by polling, and go on by WebSocket."""
        opened = await (await http.get(f"{url}&transport=polling")).text()
        query = f"{url}&sid={json.loads(opened[1:])['sid']}&transport="
        await http.post(f"{query}polling", data="40" + json.dumps(auth))
        while not any(map(is_welcome, await self._poll(http, query))):
            pass
        self._socket = await http.ws_connect(f"{query}websocket")
        await self._socket.send_str("2probe")
        await self.read_until("3probe")
        await self._poll(http, query)
        await self._socket.send_str("5")

    async def _poll(self, http: aiohttp.ClientSession, query: str) -> list[str]:
        texts = (await (await http.get(f"{query}polling")).text()).split("\x1e")
        for text in texts:
            if text != "6" and not is_welcome(text):
                self._note(text)
        return texts

    def _note(self, text: str) -> None:
        if text.startswith("40{"):
            self.sid = json.loads(text[2:])["sid"]
        elif not text.startswith("0{"):
            self.heard.append(text)

    @property
    def newest(self) -> int:
        """The last number of a signal that it heard."""
        numbers = [json.loads(text[2:])[1].get("seq", 0) for text in self.heard if is_signal(text)]
        return max(numbers, default=0)

    def cut(self) -> None:
        """Let the connection break, without a goodbye."""
        self._socket._response.connection.transport.abort()

    async def send(self, packet: str, ping: bool = False) -> None:
        """Send a packet, and wait until the server is through with it."""
        if ping:
            await self._socket.ping(b"are you there")
        await self._socket.send_str(packet)
        await self._socket.send_str('4299["ice_servers"]')
        await self.read_until("4399[")

    async def enter(self, **auth: str | int) -> None:
        """Say hello, and wait for the welcome."""
        await self._socket.send_str("40" + json.dumps(auth))
        await self.read_until('42["welcome"')

    async def read_until(self, start: str) -> str:
        """Note what comes, up to a packet that begins so; returns that one."""
        while not (text := await self._socket.receive_str()).startswith(start):
            if text == "2":
                await self._socket.send_str("3")
            else:
                self._note(text)
        return text

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


def is_signal(text: str) -> bool:
    """Whether a packet is a signal."""
    return text.startswith('42["signal"')


def is_welcome(text: str) -> bool:
    """Whether a packet is the welcome."""
    return text.startswith('42["welcome"')


class World(NamedTuple):
    """Servers in one loop, with the fast path and without it."""

    loop: asyncio.AbstractEventLoop
    plain: list[tuple[App, str]]
    """Each with its URL."""
    secure: list[tuple[App, str]]
    """The same with TLS."""

    def servers(self, kind: str) -> list[tuple[App, str]]:
        """Those for clients of a kind of KINDS."""
        return self.secure if kind == "TLS" else self.plain


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The servers, all of which run."""
    folder = tmp_path_factory.mktemp("tls")
    make_ca(folder)
    loop = asyncio.new_event_loop()
    pipe = LogPipe(SILENT)
    made = World(loop, [], [])
    for tls in (TLSSettings(), TLSSettings(*make_certificate(folder, "server"))):
        for fast in (True, False):
            options = SocketIOSettings(fast_path=fast)
            listen = ListenSettings("127.0.0.1", 0)
            config = Config(listen=listen, socketio=options, limits=LIMITS, tls=tls)
            apps = made.secure if tls.certificate else made.plain
            apps.append(loop.run_until_complete(_made(Loaded(config, {}), pipe)))
    yield made
    for app, _ in made.plain + made.secure:
        loop.run_until_complete(app.stop())
    loop.run_until_complete(end_all_tasks())
    pipe.close()
    loop.close()


async def _made(loaded: Loaded, pipe: LogPipe) -> tuple[App, str]:
    app = App(loaded, pipe)
    return app, await app.start()


async def heard_at(
    app: App, url: str, kind: str, script: list[Step | Absence]
) -> dict[str, list[str]]:
    """Play a script in a room of its own; what each client heard."""
    room = f"room-{next(rooms)}"
    clients = {name: Client() for name in CLIENTS}
    async with aiohttp.ClientSession() as session:

        async def come(name: str, **auth: str | int) -> None:
            query = f"{url}/socket.io/?EIO=4&room={room}&name={name}"
            client = clients[name]
            connect = client.upgrade if kind == "after an upgrade" else client.connect
            await connect(session, query, **({**auth, "session": "key"} if name == "c" else {}))

        for name in CLIENTS:
            await come(name)
        away = False
        for step in script:
            if isinstance(step, Absence):
                if away:
                    await come("c", seen=max(0, clients["c"].newest - step.unseen))
                else:
                    await broken(app, clients["c"])
                away = not away
            elif not (away and step.name == "c"):
                await clients[step.name].send(step.packet, step.ping)
        if away:
            await come("c", seen=clients["c"].newest)
        for client in clients.values():
            await client.send('42["nothing"]')
        for client in clients.values():
            await client.close()
    return {name: client.heard for name, client in clients.items()}


async def broken(app: App, client: Client) -> None:
    """Cut a connection through which all has come, and wait until the server has noticed."""
    await client.send('42["nothing"]')
    client.cut()
    while client.sid in app.transport._connections.by_sid:  # noqa: ASYNC110
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=scripts)
@example(
    script=[
        Step("a", SIGNALS[0], False),
        Step("b", SIGNALS[1], True),
        Absence(0),
        Step("a", SIGNALS[0], False),
        Step("b", SIGNALS[1], False),
        Absence(1),
        Step("a", SIGNALS[0], False),
    ]
)
def test_every_client_hears_the_same_on_both_paths(
    world: World, kind: str, script: list[Step | Absence]
) -> None:
    fast, slow = (
        world.loop.run_until_complete(heard_at(app, url, kind, script))
        for app, url in world.servers(kind)
    )
    assert fast == slow


@pytest.mark.parametrize("kind", KINDS)
def test_client_with_a_session_gets_what_it_missed_or_has_not_seen(world: World, kind: str) -> None:
    before, during = Step("a", SIGNALS[0], False), Step("b", SIGNALS[1], False)
    script = [before, before, Absence(0), during, during, Absence(1)]
    for app, url in world.servers(kind):
        heard = world.loop.run_until_complete(heard_at(app, url, kind, script))["c"]
        numbers = [json.loads(text[2:])[1]["seq"] for text in heard if is_signal(text)]
        assert numbers == [1, 2, 2, 3, 4]


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
    world: World,
    forms: list[str],
    mask: bytes,
    cuts: list[tuple[float, int]],
) -> None:
    sent = []
    for (number, form), (cut, turns) in zip(enumerate(forms), chain(cuts, repeat((1.0, 1)))):
        whole = signal_frames(number, form, mask)
        place = int(cut * len(whole))
        sent += [(whole[:place], turns), (whole[place:], turns)]
    url = world.plain[0][1]
    heard, answered = world.loop.run_until_complete(numbers_heard(url, sent, len(forms)))
    assert heard == list(range(len(forms)))
    asked = [number for number, form in enumerate(forms) if form in ("acked", "pieces", "spaced")]
    assert answered == asked


def test_engine_io_that_has_changed_means_the_slow_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(async_socket.AsyncSocket, "_websocket_handler")

    async def start() -> Any:
        pipe = LogPipe(SILENT)
        app = App(Loaded(Config(listen=ListenSettings("127.0.0.1", 0)), {}), pipe)
        pipe.close()
        return app.transport._engine._eio._async["websocket"].keywords["options"].relay_signal

    with caplog.at_level(logging.ERROR, "signaling_server"):
        assert asyncio.run(start()) is None
    assert "fast path disabled: aiohttp or engine.io internals have changed (" in caplog.text
