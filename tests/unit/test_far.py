from __future__ import annotations

from itertools import count

from signaling_server.core.fleet.batch import parse_batch, parse_records
from signaling_server.core.fleet.link import Handle, Link, Output, Transmit
from signaling_server.core.fleet.mac import signer
from signaling_server.core.fleet.records import Answered, Passed, Record, Shut, Told
from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.transport.far import FarConnection

OFFER = parse_signal('{"type":"offer","data":{"sdp":"x"}}', 1000, 64)
SIGN = signer(b"secret")


class Owner:
    """A far connection at the end of a link, and what its edge is told."""

    def __init__(self, limit: int = 10_000) -> None:
        ids = count()
        self.edge, self.here = (
            Link(me, peer, lambda: f"g{next(ids)}", SIGN, Budget(10**9), limit, 4.5, 0.0)
            for me, peer in (("edge", "here"), ("here", "edge"))
        )
        self.told: list[Record] = []
        self.carry(self.here, self.here.tick(0.0))
        self.far = FarConnection("sid", Hello("drone-1", "gcom"), "192.0.2.1", self.here)

    def carry(self, link: Link, outputs: list[Output]) -> None:
        other = self.edge if link is self.here else self.here
        for output in outputs:
            if isinstance(output, Transmit):
                self.carry(other, other.received(parse_batch(output.text, SIGN), 0.0))
            elif isinstance(output, Handle):
                self.told.append(output.record)

    def flush(self) -> list[Record]:
        self.carry(self.here, self.here.flush())
        told, self.told = self.told, []
        return told


def test_the_edge_is_told_in_order_what_a_client_gets() -> None:
    owner = Owner()
    far = owner.far
    assert not far.emit("peer_left", {"peer_id": "node"})
    assert not far.forward(OFFER, "node", 7)
    assert not far.accept("3", 1, 0)
    assert not far.answer("4", {"ok": False})
    assert owner.flush() == [
        Told("sid", "peer_left", '{"peer_id":"node"}'),
        Passed("sid", "node", 7, OFFER.body),
        Answered("sid", "3", '{"ok":true,"delivered":1,"held":false}'),
        Answered("sid", "4", '{"ok":false}'),
    ]
    assert far.sent == 1


def test_too_much_on_the_link_shows_at_once() -> None:
    far = Owner(limit=300).far
    assert not far.emit("error", {})
    assert far.emit("error", {})
    assert far.forward(OFFER, "node", 0)
    assert far.answer("1", {})


def test_the_first_reason_to_end_it_counts() -> None:
    owner = Owner()
    owner.far.abort("slow-consumer")
    owner.far.abort("connection-lost")
    assert owner.far.closed_for == "slow-consumer"
    assert owner.flush() == [Shut("sid", "slow-consumer", False)]


def test_a_replaced_client_that_lives_is_told_of_once() -> None:
    owner, lives = Owner(), []
    owner.far.heard(Pulse.LIVES)  # it is not replaced yet
    owner.far.dismiss("replaced", lambda: lives.append(1))
    assert owner.flush() == [Shut("sid", "replaced", True)]
    owner.far.heard(Pulse.SILENT)
    assert owner.far.pulse is Pulse.SILENT
    assert lives == []
    owner.far.heard(Pulse.LIVES)
    owner.far.heard(Pulse.LIVES)
    assert lives == [1]


def test_client_goes_by_its_name_or_else_by_its_sid() -> None:
    owner = Owner()
    assert owner.far.peer_id == "gcom"
    fact = owner.far.rejected("hold-full", "text")
    assert (fact.sid, fact.peer_id, fact.room, fact.address) == (
        *("sid", "gcom", "drone-1"),
        "192.0.2.1",
    )
    assert FarConnection("sid", Hello("r"), "", owner.here).peer_id == "sid"


def test_no_record_reaches_the_wire_before_the_turn_ends() -> None:
    owner = Owner()
    owner.far.emit("error", {})
    assert owner.told == []
    (batch,) = [parse_batch(one.text, SIGN) for one in owner.here.flush() if type(one) is Transmit]
    assert parse_records(batch.body) == [Told("sid", "error", "{}")]
