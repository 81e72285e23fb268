from __future__ import annotations

import asyncio
import logging
from typing import Awaitable, Callable

import pytest

from signaling_server.background import Background
from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.hello import Hello
from signaling_server.transport import closing
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from unit.fake_socket import FakeSocket


class Scene:
    """A Closer, and what it did."""

    def __init__(self) -> None:
        self.disconnected: list[str] = []
        self.background = Background()
        self.connections = Connections()
        self.closer = Closer(self.connections, self._disconnect, self.background)

    async def _disconnect(self, sid: str) -> None:
        self.disconnected.append(sid)

    def connect(self, transport: str = "websocket") -> tuple[FakeSocket, Connection]:
        socket = FakeSocket(transport=transport)
        connection = Connection("sid", socket, "127.0.0.1", LimitsSettings())
        self.connections.add(connection)
        return socket, connection

    async def all_done(self) -> None:
        """Wait for what runs in the background."""
        await asyncio.gather(*self.background._tasks)


def act(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene()), 10)

    asyncio.run(play())


def test_abort_is_at_once_and_its_first_reason_counts() -> None:
    async def scene(scene: Scene) -> None:
        socket, connection = scene.connect()
        scene.closer.abort(socket, "slow-consumer")
        scene.closer.abort(socket)
        assert socket.done == ["abort", "abort"]
        assert connection.closed_for == "slow-consumer"
        await scene.all_done()
        assert socket.done == ["abort", "abort"]

    act(scene)


def test_abort_of_a_connection_without_a_client_needs_no_reason() -> None:
    async def scene(scene: Scene) -> None:
        socket = FakeSocket("unknown")
        scene.closer.abort(socket)
        assert socket.done == ["abort"]

    act(scene)


def test_abort_of_a_polling_connection_tells_engine_io() -> None:
    async def scene(scene: Scene) -> None:
        socket, connection = scene.connect("polling")
        scene.closer.abort(socket)
        await scene.all_done()
        assert socket.done == ["abort", "end"]
        assert connection.closed_for == "connection-lost"

    act(scene)


def test_crash_is_logged_and_costs_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        socket, _ = scene.connect()
        try:
            raise RuntimeError("injected")
        except RuntimeError:
            scene.closer.abort_after_crash(socket)
        assert socket.done == ["abort"]

    with caplog.at_level(logging.ERROR):
        act(scene)
    assert "injected" in caplog.text


@pytest.mark.parametrize(
    ("transport", "done"),
    [("websocket", ["drain", "hang up"]), ("polling", ["drain", "hang up", "abort", "end"])],
)
def test_close_waits_until_everything_is_written(transport: str, done: list[str]) -> None:
    async def scene(scene: Scene) -> None:
        socket, _ = scene.connect(transport)
        socket.reads = asyncio.Event()
        task = scene.closer.close(socket, within=10)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert socket.done == []
        socket.reads.set()
        await task
        await scene.all_done()
        assert socket.done == done

    act(scene)


def test_close_aborts_a_client_that_does_not_read() -> None:
    async def scene(scene: Scene) -> None:
        socket, _ = scene.connect()
        socket.reads = asyncio.Event()
        await scene.closer.close(socket, within=0.01)
        assert socket.done == ["abort"]

    act(scene)


def test_close_can_wait_for_the_client_to_go() -> None:
    async def scene(scene: Scene) -> None:
        socket, _ = scene.connect()
        closed = scene.closer.close(socket, after=3600)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert socket.done == []
        closed.cancel()

    act(scene)


def test_dismissed_client_is_told_to_go_before_its_connection_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closing, "FAREWELL", 0.01)

    async def scene(scene: Scene) -> None:
        socket, connection = scene.connect()
        scene.closer.dismiss(connection, "replaced")
        assert connection.closed_for == "replaced"
        await asyncio.sleep(0)
        assert (scene.disconnected, socket.done) == (["sid"], [])
        await scene.all_done()
        assert socket.done == ["drain", "hang up"]

    act(scene)


def test_farewells_of_a_client_that_flaps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "FAREWELL", 0.05)

    async def scene(scene: Scene) -> None:
        dismissed = [scene.connect() for _ in range(closing.MOST_FAREWELLS + 2)]
        for _, connection in dismissed:
            connection.hello = Hello("default", "node", session="key")
            scene.closer.dismiss(connection, "replaced")
        socket, other = scene.connect()
        other.hello = Hello("default", "gcom")
        scene.closer.dismiss(other, "replaced")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        aborted = [one for one, _ in dismissed if "abort" in one.done]
        assert aborted == [one for one, _ in dismissed[:2]]
        assert socket.done == []
        await scene.all_done()
        assert not scene.closer._farewells

    act(scene)
