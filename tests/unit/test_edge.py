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
    Join,
    Liveness,
    Passed,
    Record,
    Report,
    Say,
    Shut,
    Told,
)
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.errors import Rejection
from signaling_server.transport.connection import Connection
from signaling_server.transport.edge import NOT_TAKEN, EdgeDoor, Moved
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
        edge.door.handle(Shut("sid", "slow-consumer", False))
        assert edge.shut[1:] == [("sid", "slow-consumer", False)]
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


def test_a_client_whose_link_ends_while_it_is_let_in_is_refused() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        edge.door.handle(Admitted("sid"))
        assert edge.door.ended() == []
        with pytest.raises(Rejection, match="cannot be reached"):
            await joining

    act(scene)


def test_a_client_that_is_to_be_hung_up_says_nothing_over_the_next_link() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        edge.door.ended()
        with pytest.raises(Rejection, match="cannot be reached"):
            edge.door.signal(edge.connection, OFFER, "")
        edge.door.report(edge.connection, "{}")
        edge.door.tell_pulses()
        assert edge.said() == []

    act(scene)


def test_rooms_are_those_of_the_clients() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        other = Connection("other", FakeSocket("x"), "192.0.2.1", LimitsSettings())
        other.hello = Hello("drone-1", "gcom")
        joining = asyncio.get_running_loop().create_task(
            edge.door.admit(other, Joined("other", other.hello, "192.0.2.1", "websocket"))
        )
        await asyncio.sleep(0)
        edge.door.handle(Admitted("other"))
        await joining
        assert edge.door.rooms == {"drone-1"}
        assert edge.door.clients() == {"drone-1": ("node", "gcom")}
        edge.door.left(other, "goodbye", True)
        assert edge.door.clients() == {"drone-1": ("node",)}
        edge.door.left(edge.connection, "goodbye", True)
        assert edge.door.rooms == set()

    act(scene)


def test_the_owner_hears_when_a_client_falls_silent_and_when_it_is_back() -> None:
    async def scene() -> None:
        edge = Edge()
        joining = edge.admit()
        await asyncio.sleep(0)
        edge.said()
        edge.socket.pulse = Pulse.SILENT
        edge.door.tell_pulses()  # of one that is not in yet there is nothing to tell
        edge.door.handle(Admitted("sid"))
        await joining
        for pulse in (Pulse.LIVES, Pulse.SILENT, Pulse.SILENT, Pulse.LIVES):
            edge.socket.pulse = pulse
            edge.door.tell_pulses()
        assert edge.said() == [Liveness("sid", Pulse.SILENT), Liveness("sid", Pulse.LIVES)]

    act(scene)


def test_the_owner_hears_of_the_holder_of_a_name_before_somebody_asks_for_it() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        edge.socket.pulse = Pulse.CLOSED
        again = Connection("again", FakeSocket("x"), "192.0.2.1", LimitsSettings())
        again.hello = edge.connection.hello
        joined = Joined("again", again.hello, "192.0.2.1", "websocket")
        joining = asyncio.get_running_loop().create_task(edge.door.admit(again, joined))
        await asyncio.sleep(0)
        told, asked = edge.said()
        assert told == Liveness("sid", Pulse.CLOSED)
        assert type(asked) is Join
        joining.cancel()

    act(scene)


def test_the_owner_hears_that_a_client_lives_which_was_replaced() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        edge.door.handle(Shut("sid", "replaced", True))
        edge.socket.heard()
        assert edge.said() == [Liveness("sid", Pulse.LIVES)]
        edge.door.handle(Shut("sid", "replaced", True))
        edge.door.left(edge.connection, "goodbye", True)
        edge.said()
        edge.socket.heard()  # its Close frame, or one more poll
        assert edge.said() == [Liveness("sid", Pulse.LIVES)]

    act(scene)


def test_an_answer_is_awaited_where_the_library_sends_it() -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        ack = edge.door.expect(edge.connection)
        answer = asyncio.get_running_loop().create_task(
            edge.door.answer(edge.connection, ack, True)
        )
        await asyncio.sleep(0)
        edge.door.handle(Answered("sid", ack, '{"ok":true}'))
        edge.door.handle(Answered("sid", ack, '{"ok":false}'))
        assert await answer == {"ok": True}
        assert edge.socket.written == []
        refused = edge.door.expect(edge.connection)
        assert await edge.door.answer(edge.connection, refused, passed=False) == {}
        assert edge.door._answers == {}

    act(scene)


@pytest.mark.parametrize("link_ends", [True, False])
def test_an_answer_that_does_not_come_any_more_says_so(link_ends: bool) -> None:
    async def scene() -> None:
        edge = Edge()
        await edge.enter()
        acks = [edge.door.expect(edge.connection), edge.door.expect(edge.connection)]
        edge.door.handle(Answered("sid", acks[1], '{"ok":true}'))
        if link_ends:
            edge.door.ended()
        else:
            other = Connection("other", FakeSocket("x"), "192.0.2.1", LimitsSettings())
            edge.door.left(other, "goodbye", True)
            edge.door.left(edge.connection, "goodbye", True)
        assert await edge.door.answer(edge.connection, acks[0], True) == NOT_TAKEN
        assert await edge.door.answer(edge.connection, acks[1], True) == {"ok": True}

    act(scene)


def test_reports_are_passed_on_unless_too_much_waits() -> None:
    async def scene() -> None:
        edge = Edge(limit=1000)
        await edge.enter()
        edge.door.report(edge.connection, ' {"state":"connected"} ')
        assert edge.said() == [Report("sid", '{"state":"connected"}')]
        while not edge.link.full:
            edge.door.signal(edge.connection, OFFER, "")
        edge.door.report(edge.connection, "{}")
        assert not [one for one in edge.said() if isinstance(one, Report)]

    act(scene)
