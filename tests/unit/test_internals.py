from __future__ import annotations

import asyncio
import sys
from asyncio.sslproto import SSLProtocol
from types import SimpleNamespace
from typing import Any, Callable

import aiohttp
import pytest
import socketio
from aiohttp import web
from engineio import async_socket, payload

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine import internals
from signaling_server.transport.engine.frames import unmask
from signaling_server.transport.engine.internals import (
    INTERNALS,
    StartedResponse,
    find_unmask,
    install,
    install_for_clients,
    missing_internals,
    renewed_parser,
)
from signaling_server.transport.engine.packets import MAX_PACKETS
from signaling_server.transport.engine.socketio_server import SocketIOServer

STARTED = "WebSocketResponse._post_start; RequestHandler._message_tail"


def engine() -> Any:
    """engine.io's server. Make it in a loop: Python 3.8's queues ask for one."""
    return SocketIOServer(Settings(Loaded(Config(), {})), Budget(1000))._eio


def missing_in(make: Callable[[], Any]) -> list[str]:
    async def look() -> list[str]:
        return missing_internals(make())

    return asyncio.run(look())


def test_library_of_today_has_everything() -> None:
    assert missing_in(engine) == []


def test_library_as_it_comes_lacks_the_send_queue() -> None:
    found = missing_in(lambda: socketio.AsyncServer(async_mode="aiohttp").eio)
    assert found == ["AsyncServer.create_queue"]


@pytest.mark.parametrize(
    ("owner", "name", "row"),
    [
        (async_socket.AsyncSocket, "_websocket_handler", "AsyncSocket._websocket_handler"),
        (web.RequestHandler, "_payload_parser", "RequestHandler._payload_parser"),
        (web.WebSocketResponse, "_post_start", STARTED),
        (web.RequestHandler, "_message_tail", STARTED),
    ],
)
def test_name_that_is_gone_is_missed(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, row: str
) -> None:
    monkeypatch.delattr(owner, name)
    assert missing_in(engine) == [row]


def test_socket_that_cannot_be_made_is_missed() -> None:
    (missing,) = missing_internals(SimpleNamespace())
    assert "create_queue" in missing


def test_every_row_says_what_it_is_for() -> None:
    for row in INTERNALS:
        assert all((row.name, row.library, row.purpose, row.without))
    assert len({row.name for row in INTERNALS}) == len(INTERNALS)


@pytest.mark.parametrize(
    ("tail", "told"), [({"_message_tail": b"40"}, b"40"), ({"_message_tail": b""}, b""), ({}, b"")]
)
def test_started_websocket_hands_on_what_came_with_the_handshake(
    monkeypatch: pytest.MonkeyPatch, tail: dict[str, bytes], told: bytes
) -> None:
    protocol = SimpleNamespace(**tail)
    done: list[Any] = []

    def start(*request: Any) -> None:
        done.append(("aiohttp", getattr(protocol, "_message_tail", b"")))

    monkeypatch.setattr(web.WebSocketResponse, "_post_start", start)

    async def scene() -> None:
        response = StartedResponse(lambda *what: done.append(what), autoping=False)
        response._post_start(SimpleNamespace(protocol=protocol), None, None)
        assert done == [("aiohttp", b""), (protocol, told)], "aiohttp's parser gets nothing of it"

    asyncio.run(scene())


def test_response_ends_its_request_but_not_the_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    async def write_eof(response: Any) -> None:
        closed.append(True)

    monkeypatch.setattr(web.WebSocketResponse, "write_eof", write_eof)

    async def play() -> None:
        response = StartedResponse(lambda *what: None, autoping=False)
        await response.write_eof()
        assert closed == [True], "one that has not left is closed by aiohttp"
        response.leave()
        with pytest.raises(ConnectionResetError):
            await response.write_eof()
        assert closed == [True]

    asyncio.run(play())


def test_mask_function_that_is_not_found_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_unmask() is unmask
    monkeypatch.setitem(sys.modules, "aiohttp._websocket.helpers", None)
    monkeypatch.setitem(sys.modules, "aiohttp.http_websocket", None)
    assert find_unmask() is None


def test_install_replaces_what_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: list[bool] = []
    monkeypatch.setattr(internals, "use_monotonic_clock", lambda: clock.append(True))
    monkeypatch.setattr(payload.Payload, "max_decode_packets", 16)
    monkeypatch.setattr(SSLProtocol, "max_size", 2**18, raising=False)
    install()
    assert clock == [True]
    assert payload.Payload.max_decode_packets == MAX_PACKETS
    assert SSLProtocol.max_size == 2**14


def test_nothing_is_replaced_at_import() -> None:
    code = (
        "import signaling_server.app, signaling_server.cli.main, signaling_server.cli.probe\n"
        "from asyncio.sslproto import SSLProtocol\n"
        "from engineio import async_socket, payload\n"
        "import time\n"
        "assert async_socket.time is time\n"
        "assert payload.Payload.max_decode_packets == 16\n"
        "assert getattr(SSLProtocol, 'max_size', 0) != 2**14\n"
    )

    async def run() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        return await process.wait()

    assert asyncio.run(run()) == 0


def test_client_gets_what_an_old_aiohttp_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    own = object()
    monkeypatch.setattr(aiohttp, "ClientWSTimeout", own, raising=False)
    install_for_clients()
    assert aiohttp.ClientWSTimeout is own
    monkeypatch.delattr(aiohttp, "ClientWSTimeout")
    monkeypatch.setattr(aiohttp, "__getattr__", lambda name: None, raising=False)
    install_for_clients()
    assert vars(aiohttp)["ClientWSTimeout"](ws_close=3) == 3
    del vars(aiohttp)["ClientWSTimeout"]


class OldParser:
    """aiohttp's before it had `decode_text`."""

    def __init__(self, queue: Any, limit: int, compress: bool = True) -> None:
        self.made = (queue, limit, compress)


class NewParser(OldParser):
    def __init__(self, queue: Any, limit: int, compress: bool, decode_text: bool) -> None:
        super().__init__(queue, limit, compress)
        assert decode_text


class AnotherParser:
    def __init__(self, *made: Any) -> None:
        self.made = made


@pytest.mark.parametrize(
    "parser",
    [OldParser("queue", 100), NewParser("queue", 100, False, decode_text=True)],
    ids=["old", "new"],
)
def test_parser_is_made_anew_with_the_queue_and_the_new_limit(parser: Any) -> None:
    response: Any = SimpleNamespace(_reader="queue")
    renewed = renewed_parser(response, parser, 200)
    assert renewed is not parser
    assert (type(renewed), renewed.made) == (type(parser), ("queue", 200, False))


def test_parser_stays_when_aiohttp_has_changed() -> None:
    response: Any = SimpleNamespace(_reader="queue")
    parser = AnotherParser("queue", 100)
    assert renewed_parser(response, parser, 200) is parser
    gone: Any = SimpleNamespace()
    assert renewed_parser(gone, OldParser("queue", 100), 200).made == ("queue", 100, True)
