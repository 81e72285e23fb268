from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.protocol.events import Refused, Rejected
from signaling_server.core.protocol.refusals import REASONS
from signaling_server.transport.endpoint import REMARKS, RETRY_AFTER, SocketIOEndpoint
from unit.fake_engine import Transport
from unit.fake_socket import FakeSocket

POLL = "EIO=4&transport=polling&sid=engine-sid"


class Tcp:
    """The TCP connection of a request."""

    aborted = False
    when_lost: Callable[[], None] | None = None

    def abort(self) -> None:
        self.aborted = True
        if self.when_lost:
            self.when_lost()

    def is_closing(self) -> bool:
        return self.aborted


class Body:
    """What comes of a request's body; `whole`: all of it is there when the request is."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.whole = False

    def is_eof(self) -> bool:
        return self.whole

    def at_eof(self) -> bool:
        return not self._content

    async def readany(self) -> bytes:
        piece, self._content = self._content[:3], self._content[3:]
        return piece

    async def readexactly(self, length: int) -> bytes:
        if len(self._content) < length:
            raise asyncio.IncompleteReadError(self._content, length)
        return self._content


class Request:
    """What the endpoint uses of aiohttp's."""

    remote = "192.0.2.1"
    path = "/socket.io/"

    def __init__(self, method: str, query: str, body: bytes = b"", **headers: str) -> None:
        self.method = method
        self.rel_url = URL(f"/?{query}", encoded=True)
        self.headers = CIMultiDict(headers)
        self.content_length: int | None = len(body)
        self.content = Body(body)
        self.transport: Tcp | None = Tcp()


class Response:
    """An answer that the client reads when `read` is set."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.read.set()
        self.error: Exception | None = None

    async def prepare(self, request: Any) -> None:
        if self.error:
            raise self.error
        request.transport.when_lost = self.read.set

    async def write_eof(self) -> None:
        await self.read.wait()


class Scene(Transport):
    """An endpoint in front of a library that answers everything."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(Config(limits=LimitsSettings(**limits)))
        self.response = Response()
        self.handled: list[Any] = []
        self.engine.handle_request = self._handle
        self.engine.handle_post = self._handle_post
        self.engine.handle_poll = lambda request, socket: self._handle(request)
        self.endpoint = SocketIOEndpoint(
            self.settings,
            self.engine,
            self.admission,
            self.closer,
            self.relay.budget,
            self.facts.append,
        )

    async def _handle(self, request: Any) -> Any:
        self.handled.append(request)
        return self.response

    async def _handle_post(self, request: Any, socket: Any, packets: list[str]) -> Any:
        self.packets = packets
        return await self._handle(request)

    async def handle(self, *request: Any, **headers: str) -> Any:
        made: Any = Request(*request, **headers)
        return await self.endpoint.handle(made)

    async def refused(self, *request: Any, **headers: str) -> bool:
        try:
            await self.handle(*request, **headers)
        except web.HTTPBadRequest:
            return True
        return False


def act(scene: Callable[[Scene], Awaitable[None]], **limits: Any) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene(**limits)), 10)

    asyncio.run(play())


def polling(scene: Scene) -> FakeSocket:
    return scene.open(transport="polling")


@pytest.mark.parametrize("query", ["EIO=4&transport=polling", "EIO=4", "EIO=4&sid="])
def test_handshake_goes_to_the_library_while_there_is_room(query: str) -> None:
    async def scene(scene: Scene) -> None:
        assert await scene.handle("GET", query) is scene.response
        assert (len(scene.handled), scene.facts) == (1, [])

    act(scene)


@pytest.mark.parametrize("query", ["EIO=4&transport=polling&room=a&name=node", "EIO=4&sid="])
def test_handshake_that_is_refused_for_now_is_a_503(query: str) -> None:
    async def scene(scene: Scene) -> None:
        scene.open()
        answer = await scene.handle("GET", query)
        assert (answer.status, answer.headers["Retry-After"]) == (503, str(RETRY_AFTER))
        assert json.loads(answer.body)["code"] == "server-full"
        (fact,) = scene.facts
        assert isinstance(fact, Rejected)
        assert (fact.code, fact.address, fact.sid) == ("server-full", "192.0.2.1", "")
        assert scene.handled == []

    act(scene, connections=1)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("EIO=4&transport=websocket", "upgrade-lost"),
        ("EIO=3&transport=polling", "old-client"),
        ("", "old-client"),
        ("EIO=4&transport=polling&j=0", "jsonp"),
        ("EIO=4&transport=carrier-pigeon", "transport-off"),
    ],
)
def test_client_of_the_wrong_kind_is_refused_and_reported(query: str, code: str) -> None:
    async def scene(scene: Scene) -> None:
        answer = await scene.handle("GET", query)
        told = json.loads(answer.body)
        assert (answer.status, told["code"]) == (400, code)
        (fact,) = scene.facts
        assert isinstance(fact, Refused)
        assert (fact.code, fact.address) == (code, "192.0.2.1")
        assert (fact.detail or REASONS[code].why) in told["message"]
        assert scene.handled == []

    act(scene)


def test_websocket_with_its_upgrade_is_for_the_library() -> None:
    async def scene(scene: Scene) -> None:
        query = "EIO=4&transport=websocket"
        await scene.handle("GET", query, Upgrade="websocket", Connection="Upgrade")
        assert (len(scene.handled), scene.facts) == (1, [])

    act(scene)


def test_path_without_its_slash_is_remarked(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        for _ in range(100):
            made: Any = Request("GET", "EIO=4")
            made.path = "/socket.io"
            await scene.endpoint.handle(made)
        assert len(scene.handled) == 100

    with caplog.at_level(logging.INFO):
        act(scene)
    assert len(caplog.records) == REMARKS
    assert "192.0.2.1 asks for /socket.io without the slash" in caplog.text


def test_post_is_read_before_the_library_sees_it() -> None:
    async def scene(scene: Scene) -> None:
        polling(scene)
        await scene.handle("POST", POLL, b"40\x1e3")
        assert (len(scene.handled), scene.packets) == (1, ["40", "3"])

    act(scene)


@pytest.mark.parametrize("body", [b"nonsense", b"4" + b"0" * 1000])
def test_body_that_is_no_packet_or_too_large_ends_the_connection(body: bytes) -> None:
    async def scene(scene: Scene) -> None:
        socket = polling(scene)
        assert await scene.refused("POST", POLL, body)
        assert (socket.done, scene.handled) == (["abort"], [])
        await scene.background.cancel()

    act(scene)


@pytest.mark.parametrize(("closed", "done"), [(False, []), (True, ["remove socket engine-sid"])])
def test_connection_that_ended_while_a_post_was_read_is_no_longer_known(
    closed: bool, done: list[str]
) -> None:
    async def scene(scene: Scene) -> None:
        polling(scene).closed = closed
        await scene.handle("POST", POLL, b"40")
        assert scene.engine.done == done

    act(scene)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_request_of_an_unknown_connection_is_for_the_library(method: str) -> None:
    async def scene(scene: Scene) -> None:
        await scene.handle(method, POLL, b"nonsense")
        assert len(scene.handled) == 1

    act(scene)


def test_upgrade_is_no_poll() -> None:
    async def scene(scene: Scene) -> None:
        socket = polling(scene)
        socket.answering = SimpleNamespace()  # type: ignore[assignment]
        await scene.handle("GET", POLL, Upgrade="websocket", Connection="Upgrade")
        await scene.handle("OPTIONS", POLL)
        assert (len(scene.handled), socket.done) == (2, [])

    act(scene)


def test_client_has_one_poll_at_a_time() -> None:
    async def scene(scene: Scene) -> None:
        socket = polling(scene)
        await scene.handle("GET", POLL)
        await scene.handle("GET", POLL)
        assert socket.done == []
        socket.answering = SimpleNamespace()  # type: ignore[assignment]
        assert await scene.refused("GET", POLL)
        assert (len(scene.handled), socket.done) == (2, ["abort"])
        await scene.background.cancel()

    act(scene)


def test_poll_is_known_while_it_is_answered() -> None:
    async def scene(scene: Scene) -> None:
        socket = polling(scene)
        scene.engine.patience = 10
        scene.response.read.clear()
        poll = asyncio.get_running_loop().create_task(scene.handle("GET", POLL))
        while not scene.handled:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert socket.answering is scene.handled[0]
        scene.response.read.set()
        assert await poll is scene.response
        assert socket.answering is None
        assert not socket.poll_broke
        assert not scene.handled[0].transport.aborted

    act(scene)


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_answer_that_is_not_read_is_given_up(error: Exception | None) -> None:
    async def scene(scene: Scene) -> None:
        socket = polling(scene)
        scene.response.read.clear()
        scene.response.error = error
        await scene.handle("GET", POLL)
        assert scene.handled[0].transport.aborted
        assert socket.answering is None
        assert socket.poll_broke
        calls: list[str] = []
        socket.when_heard = lambda: calls.append("heard")
        scene.response.error = None
        scene.response.read.set()
        await scene.handle("GET", POLL)
        assert calls == ["heard"], "another poll is a sign of life"
        assert not socket.poll_broke

    act(scene)


def test_client_that_is_gone_cannot_be_aborted() -> None:
    async def scene(scene: Scene) -> None:
        polling(scene)
        scene.response.error = ConnectionResetError()
        made: Any = Request("GET", POLL)
        made.transport = None
        await scene.endpoint.handle(made)

    act(scene)
