from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.fleet.batch import BadRecord, parse_records
from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.records import (
    Admitted,
    Answered,
    Denied,
    Gone,
    Passed,
    Record,
    Say,
    Shut,
    Told,
)
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.errors import Rejection
from signaling_server.transport.connection import Connection
from signaling_server.transport.edge import EdgeDoor, Moved
from unit.fake_socket import FakeSocket

OFFER = parse_signal('{"type":"offer","data":{"sdp":"x"},"to":"gcom"}', 1000, 64)


class Edge:
    """A client of this host, and the way to the owner of its room."""

    def __init__(self, wait: float = 60.0, limit: int = 10_000) -> None:
        self.link = Link("b", "a", lambda: "g", lambda text: "", Budget(10**9), limit, 4.5, 0.0)
        self.checked: list[str] = []
        self.shut: list[tuple[str, str, bool]] = []
        self.door = EdgeDoor(
            self.link,
            lambda connection: self.checked.append(connection.sid),
            lambda connection, code, away: self.shut.append((connection.sid, code, away)),
            wait,
        )
        self.socket = FakeSocket()
        self.connection = Connection("sid", self.socket, "192.0.2.1", LimitsSettings())
        self.connection.hello = Hello("drone-1", "node")

    def admit(self) -> asyncio.Task[None]:
        joined = Joined("sid", self.connection.hello, "192.0.2.1", "websocket")
        return asyncio.get_running_loop().create_task(self.door.admit(self.connection, joined))

    async def enter(self) -> None:
        joining = self.admit()
        await asyncio.sleep(0)
        self.door.handle(Admitted("sid"))
        await joining
        self.connection.outbox.uncork()
        self.said()

    def said(self) -> list[Record]:
        texts, self.link._out.pending = self.link._out.pending, []
        return [record for text in texts for record in parse_records(text)]


def act(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 30))


def test_a_client_is_in_when_the_owner_admits_it_and_hears_what_came_meanwhile() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        assert [type(record).__name__ for record in edge.said()] == ["Join"]
        edge.door.handle(Admitted("sid"))
        edge.door.handle(Told("sid", "welcome", '{"peer_id":"node"}'))
        await joining
        assert edge.socket.written == []  # corked: the answer to CONNECT comes first
        edge.connection.outbox.uncork()
        assert edge.socket.written == ['2["welcome",{"peer_id":"node"}]']

    act(scene)


def test_what_the_owner_says_is_written_in_order() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        edge.door.handle(Passed("sid", "gcom", 7, '{"type":"answer"'))
        edge.door.handle(Answered("sid", "3", '{"ok":true}'))
        edge.door.handle(Told("sid", "peer_left", "{}"))
        edge.door.handle(Told("somebody who left", "peer_left", "{}"))
        assert edge.socket.written == [
            '2["signal",{"type":"answer","from":"gcom","seq":7}]',
            '33[{"ok":true}]',
            '2["peer_left",{}]',
        ]
        assert edge.checked == []

    act(scene)


def test_a_client_that_does_not_read_is_looked_at() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        edge.door.handle(Admitted("sid"))
        await joining
        edge.connection.outbox.send = lambda text: True  # type: ignore[method-assign]
        edge.door.handle(Told("sid", "peer_left", "{}"))
        assert edge.checked == ["sid"]

    act(scene)


def test_a_signal_goes_to_the_owner_unless_too_much_waits() -> None:
    async def scene() -> None:
        edge = Edge(limit=1000)
        await edge.enter()
        edge.door.signal(edge.connection, OFFER, "5")
        assert edge.said() == [Say("sid", "5", "offer", "gcom", OFFER.size, OFFER.body)]
        while not edge.link.full:
            edge.door.signal(edge.connection, OFFER, "")
        with pytest.raises(Rejection, match="too much waits"):
            edge.door.signal(edge.connection, OFFER, "")

    act(scene)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"code": "room-full", "message": "full", "to": "x"}, Rejection),
        ({"code": "moved", "message": ""}, Moved),
    ],
)
def test_a_client_that_is_denied_a_place_leaves_none(
    payload: dict[str, Any], error: type[Exception]
) -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        edge.said()
        edge.door.handle(Denied("sid", payload))
        with pytest.raises(error) as refused:
            await joining
        assert edge.said() == []
        if isinstance(refused.value, Rejection):
            assert refused.value.payload() == payload

    act(scene)


def test_a_join_that_waits_while_its_owner_dies_is_refused_and_nobody_is_hung_up() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        edge.said()
        assert edge.door.ended() == []
        assert edge.door.ended() == []
        with pytest.raises(Rejection, match="cannot be reached"):
            await joining
        edge.door.handle(Told("sid", "welcome", "{}"))  # no ghost
        assert edge.said() == []
        assert edge.socket.written == []

    act(scene)


def test_all_that_is_bound_is_hung_up_with_the_link() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        assert edge.door.ended() == [edge.connection]
        assert edge.door.ended() == []
        edge.door.left(edge.connection, "connection-lost", False)
        assert edge.said() == []

    act(scene)


def test_a_join_does_not_wait_longer_than_a_client_does() -> None:
    async def scene() -> None:
        edge = Edge(wait=0.0)
        with pytest.raises(Rejection, match="cannot be reached"):
            await edge.admit()
        assert edge.said()[-1] == Gone("sid", "connection-lost", False)

    act(scene)


def test_a_client_that_goes_while_it_waits_leaves_no_place_behind() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        assert edge.said()[-1] == Gone("sid", "connection-lost", False)

    act(scene)


def test_the_owner_ends_a_connection_in_its_own_way() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        edge.door.handle(Shut("sid", "replaced", True))
        assert edge.shut == [("sid", "replaced", True)]
        edge.door.left(edge.connection, "goodbye", True)
        assert edge.said() == [Gone("sid", "goodbye", True)]

    act(scene)


@pytest.mark.parametrize("record", [Gone("sid", "goodbye", True), Admitted("sid")])
def test_an_owner_that_breaks_the_rules_is_found_out(record: Record) -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        with pytest.raises(BadRecord):
            edge.door.handle(record)

    act(scene)


def test_a_refusal_has_a_code_and_a_message() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        with pytest.raises(BadRecord):
            edge.door.handle(Denied("sid", {"code": 7}))
        joining.cancel()

    act(scene)
