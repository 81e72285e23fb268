from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.fleet.batch import BadRecord, parse_batch
from signaling_server.core.fleet.joining import join_record, voucher
from signaling_server.core.fleet.link import Handle, Link, Output, Transmit
from signaling_server.core.fleet.mac import signer
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
    Withdrawn,
)
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import (
    Fact,
    Joined,
    PeerLeft,
    Pulse,
    Rejected,
    SignalAccepted,
)
from signaling_server.core.protocol.hello import Hello, session_hash
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.core.protocol.relay import Relay
from signaling_server.transport.connection import Connections
from signaling_server.transport.far_clients import FarClients
from signaling_server.transport.switchboard import Switchboard

SIGN = signer(b"secret")
BODY = '{"type":"offer","data":{}'
GRANT = Grant("drone1", "ab" * 32, "node")


def say(sid: str, ack: str = "", to: str | None = None) -> Say:
    return Say(sid, ack, "offer", to, len(BODY) + 1, BODY)


class Owner:
    """This host serves the room; two edges say things, and hear what comes back."""

    def __init__(self, limit: int = 10**6) -> None:
        self.relay = Relay(Config())
        self.connections = Connections()
        self.facts: list[Fact] = []
        self.reports: list[tuple[Any, ...]] = []
        closer: Any = None
        self.switchboard = Switchboard(
            Settings(Loaded(Config(), {})), self.relay, self.connections, closer, self.facts.append
        )
        self.rooms = {"drone-1"}
        self.far = FarClients(
            self.relay,
            self.connections,
            self.switchboard,
            lambda *report: self.reports.append(report),
            lambda room: room in self.rooms,
        )
        self.ids = count()
        self.pairs = [self.pair("b", limit), self.pair("c", limit)]
        self.told: list[Any] = []

    def pair(self, name: str, limit: int) -> list[Link]:
        ends = [
            Link(me, peer, lambda: f"g{next(self.ids)}", SIGN, Budget(10**9), limit, 4.5, 0.0)
            for me, peer in (("a", name), (name, "a"))
        ]
        self.carry(ends, 0, ends[0].tick(0.0))
        return ends

    def carry(self, ends: list[Link], of: int, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                batch = parse_batch(output.text, SIGN)
                self.carry(ends, 1 - of, ends[1 - of].received(batch, 0.0))
            elif isinstance(output, Handle) and of == 0:
                self.far.handle(ends[0], output.record)
            elif isinstance(output, Handle):
                self.told.append(output.record)

    def hear(self, *records: Record, edge: int = 0) -> list[Any]:
        """An edge says this; returns what it is told."""
        ends = self.pairs[edge]
        for record in records:
            ends[1].put(record)
        self.carry(ends, 1, ends[1].flush())
        return self.heard(edge)

    def heard(self, edge: int = 0) -> list[Any]:
        ends, self.told = self.pairs[edge], []
        self.carry(ends, 0, ends[0].flush())
        return self.told

    def settle(self) -> None:
        """Do all that waits for its turn; one `flush` may not get that far."""
        while self.switchboard._crowds.rooms:
            self.switchboard.flush()

    def join(self, sid: str, name: str, edge: int = 0, **fields: Any) -> list[Any]:
        session = fields.pop("session", None)
        hello = Hello("drone-1", name, session=session and session_hash(session))
        joined = Joined(sid, hello, "192.0.2.1", "websocket", **fields)
        return self.hear(join_record(joined), edge=edge)


@pytest.fixture
def owner() -> Owner:
    return Owner()


def kinds(records: list[Any]) -> list[str]:
    return [getattr(record, "event", type(record).__name__) for record in records]


def test_a_client_is_admitted_before_its_welcome_and_others_hear_of_it(owner: Owner) -> None:
    assert kinds(owner.join("1", "node")) == ["Admitted", "welcome"]
    assert kinds(owner.join("2", "gcom", edge=1)) == ["Admitted", "welcome", "peer_joined"]
    assert kinds(owner.heard()) == ["peer_joined"]
    assert {*owner.relay.peers} == {"1", "2"}


def test_a_signal_goes_from_edge_to_edge_and_is_acknowledged(owner: Owner) -> None:
    owner.join("1", "node")
    owner.join("2", "gcom", edge=1)
    owner.heard()
    answer = '{"ok":true,"delivered":1,"held":false}'
    assert owner.hear(say("1", "5"), say("1")) == [Answered("1", "5", answer)]
    assert owner.heard(1) == [Passed("2", "node", 0, BODY)] * 2
    assert owner.connections.far["1"].received == 2


def test_a_refused_signal_is_answered_as_on_one_host(owner: Owner) -> None:
    owner.join("1", "node")
    error, answer = owner.hear(say("1", "5", to="nobody"))
    assert (error.event, json.loads(error.text)["code"]) == ("error", "peer-not-found")
    assert json.loads(answer.text)["error"]["code"] == "peer-not-found"
    assert kinds(owner.hear(say("1", to="nobody"))) == ["error"]
    assert [type(fact) for fact in owner.facts][-2:] == [Rejected, Rejected]


def test_what_a_replaced_client_still_says_is_answered_and_counts_for_nothing(
    owner: Owner,
) -> None:
    owner.join("1", "node")
    owner.join("2", "node", edge=1)
    assert owner.heard() == [owner_error("replaced"), Shut("1", "replaced", True)]
    (answer,) = owner.hear(say("1", "5"))
    assert json.loads(answer.text)["error"]["code"] == "replaced"
    assert not [fact for fact in owner.facts if isinstance(fact, SignalAccepted)]


def owner_error(code: str) -> Told:
    text = '{"code":"replaced","message":"a newer connection uses this name or session"}'
    return Told("1", "error", text.replace("replaced", code))


def test_a_client_that_may_not_join_hears_why_and_is_not_known(owner: Owner) -> None:
    owner.join("1", "node")
    for _ in range(4):
        owner.hear(Liveness("1", 1))
    sid = owner.relay.rooms["drone-1"].peers["node"].sid
    assert sid == "1"
    owner.relay.rooms["drone-1"].peers["node"].claim.declared = True
    (denied,) = owner.join("2", "node", edge=1)
    assert (type(denied), denied.payload["code"]) == (Denied, "name-in-use")
    assert owner.hear(Gone("2", "goodbye", True), edge=1) == []
    assert [*owner.connections.far] == ["1"]


def test_a_room_that_is_not_served_here_has_moved(owner: Owner) -> None:
    owner.rooms.clear()
    (denied,) = owner.join("1", "node")
    assert denied.payload["code"] == "moved"
    assert owner.facts == []


def test_the_holder_of_a_name_lives_as_its_edge_told(owner: Owner) -> None:
    owner.join("1", "node")
    owner.relay.rooms["drone-1"].peers["node"].claim.declared = True
    owner.hear(Liveness("1", 2))
    assert kinds(owner.join("2", "node", edge=1)) == ["Admitted", "welcome"]


def test_a_name_is_contested_by_clients_of_an_edge_that_have_left(owner: Owner) -> None:
    for number in range(4):
        assert "Admitted" in kinds(owner.join(f"{number}", "node"))
        if number:
            loser = f"{number - 1}"
            owner.hear(Gone(loser, "connection-lost", False))
            owner.hear(Liveness(loser, int(Pulse.SILENT)), Liveness(loser, int(Pulse.LIVES)))
    (denied,) = owner.join("4", "node", edge=1)
    assert (type(denied), denied.payload["code"]) == (Denied, "name-in-use")


def test_a_client_leaves_with_its_own_reason_or_with_this_hosts(owner: Owner) -> None:
    owner.join("1", "node")
    owner.join("2", "gcom")
    owner.connections.far["2"].abort("slow-consumer")
    owner.hear(Gone("1", "goodbye", True), Gone("2", "connection-lost", False))
    left = [fact for fact in owner.facts if isinstance(fact, PeerLeft)]
    assert [(fact.sid, fact.reason) for fact in left] == [("1", "goodbye"), ("2", "slow-consumer")]
    assert owner.connections.far == {}


def test_the_end_of_a_link_breaks_the_connections_on_it_and_no_other(owner: Owner) -> None:
    async def scene() -> None:  # the relay sets a timer
        owner.join("1", "node", session="key")
        owner.join("2", "gcom", edge=1)
        owner.far.ended(owner.pairs[0][0])
        owner.far.ended(owner.pairs[0][0])
        assert [*owner.connections.far] == ["2"]
        assert not owner.relay.rooms["drone-1"].peers["node"].present
        assert kinds(owner.join("3", "node", edge=1, session="key")) == ["Admitted", "welcome"]
        assert owner.relay.rooms["drone-1"].peers["node"].sid == "3"

    asyncio.run(scene())


def test_withdrawn_tokens_end_their_clients_present_and_away(owner: Owner) -> None:
    async def scene() -> None:  # the relay sets a timer
        owner.join("1", "node", grant=GRANT, session="key")
        owner.join("2", "gcom", grant=GRANT._replace(id="gcom1"), session="key 2")
        owner.hear(Gone("1", "ping-timeout", False))
        assert owner.hear(Withdrawn(("00" * 32,))) == []
        told = owner.hear(Withdrawn((voucher(GRANT).sha256,)), edge=1)
        assert told == []
        assert [*owner.relay.rooms["drone-1"].peers] == ["gcom"]
        assert kinds(owner.heard()) == ["peer_left"]

    asyncio.run(scene())


def test_a_report_is_about_a_peer_of_this_host(owner: Owner) -> None:
    owner.join("1", "node")
    owner.hear(Report("1", '{"state":"connected"}'))
    assert [report[:2] for report in owner.reports] == [("drone-1", "node")]


@pytest.mark.parametrize(
    "record",
    [
        Say("2", "", "offer", None, 1, "{"),
        Report("1", '{"state":"asleep"}'),
        Liveness("1", 9),
        Admitted("1"),
        Join("3", {}),
        join_record(Joined("1", Hello("drone-1"), "", "polling")),
    ],
)
def test_a_host_that_breaks_the_rules_is_found_out(owner: Owner, record: Record) -> None:
    owner.join("1", "node")
    owner.join("2", "gcom", edge=1)
    with pytest.raises(BadRecord):
        owner.hear(record)


def test_who_does_not_read_is_ended_by_its_answers_too() -> None:
    async def scene() -> None:  # the relay sets a timer
        for ack_of in (say("1", "5"), say("1", "5", to="nobody")):
            owner = Owner()
            owner.join("1", "node")
            owner.pairs[0][0]._limit = 0
            assert Shut("1", "slow-consumer", False) in owner.hear(ack_of)

    asyncio.run(scene())


def test_in_a_crowd_far_clients_wait_for_their_turn_like_all(owner: Owner) -> None:
    async def scene() -> None:
        for number in range(CROWD):
            owner.join(f"s{number}", f"peer-{number}")
        owner.settle()
        owner.heard()
        assert owner.hear(say("s0", "1")) == []
        owner.settle()
        assert len(owner.heard()) == CROWD
        owner.relay.budget.total = owner.relay.budget.used
        assert kinds(owner.hear(say("s0", "2"))) == ["error", "Answered"]
        owner.hear(Gone("s0", "goodbye", True))
        assert "s0" in owner.relay.peers
        owner.settle()
        assert "s0" not in owner.relay.peers

    asyncio.run(scene())


def test_each_client_has_the_host_that_it_is_connected_to(owner: Owner) -> None:
    assert owner.far.hosts() == {}
    owner.join("1", "node")
    owner.join("2", "gcom", edge=1)
    assert owner.far.hosts() == {"1": "b", "2": "c"}
    owner.hear(Gone("1", "goodbye", True))
    assert owner.far.hosts() == {"2": "c"}
