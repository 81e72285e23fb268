from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest
from engineio import async_socket, packet

from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.limits import OVERHEAD, Budget, TokenBucket
from signaling_server.transport.engine.engine_socket import EngineSocket
from signaling_server.transport.engine.send_queue import SendQueue


class Server:
    """What engine.io's socket uses of its server."""

    def __init__(self) -> None:
        self.budget = Budget(10**6)
        self.sockets: dict[str, Any] = {}
        self.ping_interval = 0.0
        self.reason = SimpleNamespace(
            SERVER_DISCONNECT="server disconnect",
            TRANSPORT_ERROR="transport error",
            PING_TIMEOUT="ping timeout",
        )
        self.ended: list[str] = []
        self.logger = logging.getLogger("engineio")
        self.ping_timeout = 10

    def create_queue(self) -> SendQueue:
        return SendQueue(self.budget)

    async def _trigger_event(self, event: str, sid: str, reason: str, run_async: bool) -> None:
        self.ended.append(f"{event} {sid} {reason}")

    def open(self, upgraded: bool = False) -> EngineSocket:
        socket = async_socket.AsyncSocket(self, "sid")
        self.sockets["sid"] = socket
        socket.upgraded = upgraded
        return EngineSocket.adopt(socket)


class WebSocket:
    """What a socket uses of its WebSocket."""

    serves_itself = True

    def __init__(self) -> None:
        self.goodbye = False
        self.done: list[str] = []

    def write(self, text: str) -> bool:
        self.done.append(text)
        return False

    def serve_later(self) -> None:
        self.done.append("serve later")

    def hang_up(self) -> None:
        self.done.append("hang up")

    def abort(self) -> None:
        self.done.append("abort")


class Tcp:
    """The TCP connection of a poll, with `unread` bytes of its answer."""

    def __init__(self, unread: int) -> None:
        self.unread = unread
        self.aborted = False
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True


def act(scene: Callable[[Server], Awaitable[None]]) -> None:
    async def play() -> None:
        await scene(Server())

    asyncio.run(play())


def open_websocket(server: Server, upgraded: bool = True) -> tuple[EngineSocket, WebSocket]:
    socket, websocket = server.open(upgraded), WebSocket()
    socket.websocket = websocket  # type: ignore[assignment]
    return socket, websocket


def test_socket_of_engine_io_is_adopted_in_place() -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        assert server.sockets["sid"] is socket
        assert socket.transport == "polling"
        socket.upgraded = True
        assert socket.transport == "websocket"

    act(scene)


def test_packets_wait_in_the_queue_of_a_polling_client() -> None:
    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server, upgraded=False)
        assert socket.write('2["welcome"]'), "the WebSocket is not in use before the upgrade"
        assert websocket.done == []
        assert socket.waiting == (1, OVERHEAD + len('2["welcome"]'))
        assert socket.queue.get_nowait().encode() == '42["welcome"]'
        assert server.open(upgraded=True).write("2[]"), "there is no WebSocket any longer"

    act(scene)


def test_packets_are_for_the_websocket_which_lets_them_wait_in_the_queue() -> None:
    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server)
        assert not socket.write("one")
        assert websocket.done == ["one"]
        assert socket.wait("two")
        assert socket.queue.get_nowait().data == "two"

    act(scene)


@pytest.mark.parametrize("upgraded", [True, False])
def test_writer_is_the_open_websocket_or_the_socket_itself(upgraded: bool) -> None:
    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server, upgraded)
        assert socket.writer == (websocket.write if upgraded else socket.write)
        socket.websocket = None
        assert socket.writer == socket.write

    act(scene)


def test_connection_that_has_ended_collects_nothing() -> None:
    async def scene(server: Server) -> None:
        closed, dropped = server.open(), server.open()
        closed.closed = True
        dropped.abort()
        for socket in (closed, dropped):
            assert socket.write("late")
            assert socket.queue.empty()

    act(scene)


def test_goodbye_is_that_of_the_websocket() -> None:
    async def scene(server: Server) -> None:
        assert not server.open().said_goodbye
        socket, websocket = open_websocket(server)
        assert not socket.said_goodbye
        websocket.goodbye = True
        assert socket.said_goodbye

    act(scene)


def test_abort_frees_what_waits_and_ends_the_websocket() -> None:
    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server)
        socket.wait("waits")
        socket.abort()
        assert (websocket.done, server.budget.used) == (["abort"], 0)
        server.open().abort()

    act(scene)


def test_hang_up_is_for_a_websocket() -> None:
    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server)
        socket.hang_up()
        assert websocket.done == ["hang up"]
        server.open().hang_up()

    act(scene)


def test_drain_waits_until_everything_is_written() -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        socket.write("waits")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.drain(), 0.01)
        await socket.queue.get()
        socket.queue.task_done()
        await asyncio.wait_for(socket.drain(), 10)

    act(scene)


def test_polling_connection_that_is_ended_is_no_longer_known() -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        await socket.end()
        assert socket.closed
        assert server.ended == ["disconnect sid server disconnect"]
        assert not server.sockets
        await socket.end()
        assert len(server.ended) == 1

    act(scene)


def test_poll_that_waits_is_answered_at_the_end() -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        poll = socket.queue.get()
        socket.abandon()
        assert await asyncio.wait_for(poll, 10) is None
        websocket, _ = open_websocket(server)
        websocket.abandon()
        assert websocket.queue.empty(), "engine.io ends the writer of a WebSocket itself"

    act(scene)


@pytest.mark.parametrize(("unread", "aborted"), [(0, False), (1, True)])
def test_answer_to_a_poll_that_is_not_read_is_given_up_at_the_end(
    unread: int, aborted: bool
) -> None:
    async def scene(server: Server) -> None:
        socket, tcp = server.open(), Tcp(unread)
        answering: Any = SimpleNamespace(transport=tcp)
        socket.answering = answering
        socket.abandon()
        assert tcp.aborted is aborted
        gone: Any = SimpleNamespace(transport=None)
        socket.answering = gone
        socket.abandon()

    act(scene)


class Poll:
    """A poll, whose TCP connection is there or not."""

    def __init__(self, closing: bool | None) -> None:
        self.transport = None if closing is None else SimpleNamespace(is_closing=lambda: closing)


def opened() -> EngineSocket:
    async def make() -> EngineSocket:  # before Python 3.10, a queue asks for the loop
        return Server().open()

    return asyncio.run(make())


def test_client_seems_to_be_there_unless_something_speaks_against_it() -> None:
    socket = opened()
    assert socket.pulse is Pulse.LIVES
    socket.answering = Poll(closing=False)  # type: ignore[assignment]
    assert socket.pulse is Pulse.LIVES
    socket.closed = True
    assert socket.pulse is Pulse.CLOSED


@pytest.mark.parametrize("closing", [None, True])
def test_poll_whose_connection_closed_is_the_sign_of_a_client_that_is_gone(
    closing: bool | None,
) -> None:
    socket = opened()
    socket.answering = Poll(closing)  # type: ignore[assignment]
    assert socket.pulse is Pulse.CLOSED
    socket.upgraded = True
    assert socket.pulse is Pulse.LIVES, "it polls no longer"


def test_poll_that_broke_off_is_such_a_sign_too() -> None:
    socket = opened()
    socket.poll_broke = True
    assert socket.pulse is Pulse.CLOSED


@pytest.mark.parametrize(
    ("silent_for", "pulse"), [(None, Pulse.LIVES), (4.0, Pulse.LIVES), (6.0, Pulse.SILENT)]
)
def test_client_that_owes_a_pong_for_long_is_silent(silent_for: float | None, pulse: Pulse) -> None:
    socket = opened()
    socket.last_ping = silent_for and time.monotonic() - silent_for
    assert socket.pulse is pulse


@pytest.mark.parametrize("end", ["", "closing", "closed"])
def test_ping_follows_its_answer_after_the_interval_unless_the_connection_ends(end: str) -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        socket.schedule_ping()
        assert socket.last_ping is None
        socket.schedule_ping()  # one is scheduled already
        if end:
            setattr(socket, end, True)
        while socket._ping is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (socket.last_ping is None, socket.queue.empty()) == (bool(end), bool(end))
        if not end:
            assert socket.queue.get_nowait().encode() == "2"
            assert socket.queue.empty()

    act(scene)


def test_no_timer_outlives_the_connection() -> None:
    async def scene(server: Server) -> None:
        socket = server.open(upgraded=True)
        server.ping_interval = 3600.0
        socket.schedule_ping()
        assert socket._ping is not None
        socket.abandon()
        assert socket._ping.cancelled()

    act(scene)


@pytest.mark.parametrize(("connected", "itself"), [(True, True), (False, False), (False, True)])
def test_websocket_serves_itself_unless_the_client_polled_before(
    monkeypatch: pytest.MonkeyPatch, connected: bool, itself: bool
) -> None:
    served: list[Any] = []

    async def of_engine_io(socket: Any, websocket: Any) -> None:
        served.append(websocket)

    monkeypatch.setattr(async_socket.AsyncSocket, "_websocket_handler", of_engine_io)

    async def scene(server: Server) -> None:
        socket, websocket = open_websocket(server, upgraded=False)
        socket.connected = connected
        websocket.serves_itself = itself
        one: Any = websocket
        await socket._websocket_handler(one)
        lean = itself and not connected
        assert (served, websocket.done) == (([], ["serve later"]) if lean else ([websocket], []))
        assert socket.upgraded is lean

    act(scene)


def test_packet_is_a_sign_of_life_and_is_told_once() -> None:
    async def scene() -> list[str]:
        server = Server()
        socket = server.open()
        calls: list[str] = []
        socket.when_heard = lambda: calls.append("heard")
        socket.schedule_ping = lambda: calls.append("pong")  # type: ignore[method-assign]
        for _ in range(2):
            await socket.receive(packet.Packet(packet.PONG))
        return calls

    assert asyncio.run(scene()) == ["heard", "pong", "pong"]


def test_frames_that_are_no_events_take_from_the_rate_of_the_socket() -> None:
    async def scene(server: Server) -> None:
        socket = server.open()
        assert socket.allow_frame(), "without a rate"
        socket.frames = TokenBucket(0.0, 2, time.monotonic())
        assert [socket.allow_frame() for _ in range(3)] == [True, True, False]

    act(scene)
