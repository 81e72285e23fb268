"""A client is let into a room that another host serves, or this one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Awaitable, Callable, Sequence

import pytest
from yarl import URL

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.protocol.events import Joined, Send
from signaling_server.errors import Rejection
from signaling_server.transport.arrival import MOST_MOVES
from signaling_server.transport.connection import Connection
from signaling_server.transport.edge import Moved
from unit.fake_engine import Transport
from unit.fake_socket import FakeSocket


class Host:
    """Another host; it lets in, or answers as told."""

    def __init__(self, moves: int = 0) -> None:
        self.moves = moves
        self.asked: list[Joined] = []

    async def admit(self, connection: Connection, joined: Joined) -> None:
        self.asked.append(joined)
        if len(self.asked) <= self.moves:
            raise Moved


class Fleet:
    """Says where rooms are."""

    def __init__(self, *doors: Host | None) -> None:
        self.doors = list(doors)
        self.moves: list[str] = []

    async def door(self, room: str) -> Any:
        return self.doors.pop(0) if len(self.doors) > 1 else self.doors[0]

    def moved(self, room: str) -> None:
        self.moves.append(room)


REQUEST: Any = SimpleNamespace(
    remote="192.0.2.1", rel_url=URL("/?room=drone-1&name=node", encoded=True), headers={}
)


def act(scene: Callable[[Transport], Awaitable[None]]) -> None:
    config = Config(ice_servers=(IceServer(("stun:a",)),))

    async def play() -> None:
        await asyncio.wait_for(scene(Transport(config)), 10)

    asyncio.run(play())


async def join(transport: Transport, fleet: Any = None) -> tuple[Connection, Sequence[Any]]:
    connection = Connection("sid", FakeSocket(), "192.0.2.1", LimitsSettings())
    transport.handlers.arrival.elsewhere = fleet
    return connection, await transport.handlers.arrival.join(connection, REQUEST, None)


def names(outputs: Sequence[Any]) -> list[str]:
    return [output.event for output in outputs if isinstance(output, Send)]


def test_without_a_fleet_every_room_is_here() -> None:
    async def scene(transport: Transport) -> None:
        connection, outputs = await join(transport)
        assert names(outputs) == ["welcome"]
        assert connection.door is None

    act(scene)


def test_room_that_this_host_serves_is_here() -> None:
    async def scene(transport: Transport) -> None:
        connection, outputs = await join(transport, Fleet(None))
        assert names(outputs) == ["welcome"]
        assert connection.door is None

    act(scene)


def test_client_of_a_room_elsewhere_is_asked_for_there_with_its_ice_servers() -> None:
    async def scene(transport: Transport) -> None:
        host = Host()
        connection, outputs = await join(transport, Fleet(host))
        assert outputs == []
        assert connection.door is host  # type: ignore[comparison-overlap]
        assert transport.relay.rooms == {}
        (joined,) = host.asked
        assert (joined.sid, joined.hello.room, joined.hello.name) == ("sid", "drone-1", "node")
        assert joined.ice_servers == [{"urls": ["stun:a"]}]
        assert joined.server_time is not None

    act(scene)


def test_client_follows_a_room_that_has_moved() -> None:
    async def scene(transport: Transport) -> None:
        fleet, left, right = Fleet(), Host(moves=1), Host()
        fleet.doors = [left, right]
        connection, _ = await join(transport, fleet)
        assert connection.door is right  # type: ignore[comparison-overlap]
        assert fleet.moves == ["drone-1"]
        fleet.doors = [Host(moves=1), None]
        connection, outputs = await join(transport, fleet)
        assert connection.door is None
        assert names(outputs) == ["welcome"]

    act(scene)


def test_client_is_not_sent_about_without_an_end() -> None:
    async def scene(transport: Transport) -> None:
        host = Host(moves=100)
        with pytest.raises(Rejection, match="cannot be reached"):
            await join(transport, Fleet(host))
        assert len(host.asked) == MOST_MOVES

    act(scene)


def test_client_of_a_crowd_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(transport: Transport) -> None:
        waits: list[str] = []

        def wait(room: str) -> float:
            waits.append(room)
            return 0.001

        monkeypatch.setattr(transport.admission, "wait_for_turn", wait)
        await join(transport)
        assert waits == ["drone-1"]

    act(scene)
