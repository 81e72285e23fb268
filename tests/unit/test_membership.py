from __future__ import annotations

from scenarios.scene import settings
from signaling_server.core.protocol.events import (
    Close,
    Joined,
    Output,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    Rejected,
    Revoked,
    Send,
)
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.membership import Membership, joined, place
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.peers import Change, Peer, Room, State

OFFER = Signal("offer", None, 10, "{")


class House:
    """A Membership with a node and a gcom in one room."""

    def __init__(self, connections: int = 10, sessions: bool = True) -> None:
        self.config = settings(limits={"connections": connections})
        self.members = Membership(self.config)
        self.budget = Budget(10_000)
        key = "key" if sessions else None
        self.node, self.gcom = self.enter("node", key), self.enter("gcom", key)

    def enter(self, name: str, session: str | None = None, room: str = "drone-1") -> Peer:
        at = self.members.occupancy.rooms.get(room) or Room(room)
        peer = Peer(at, self.joined(name, session, room), self.budget)
        self.members.enter(peer)
        return peer

    def joined(self, name: str, session: str | None = None, room: str = "drone-1") -> Joined:
        return Joined(f"sid-{name}", Hello(room, name, session=session), "10.0.0.1")

    def lose(self, peer: Peer) -> Output:
        return self.members.break_off(peer, "ping-timeout", 130.0)


def kinds(outputs: list[Output]) -> list[type]:
    return [type(output) for output in outputs]


def test_facts_begin_with_the_place_of_a_peer() -> None:
    assert place(House().node) == ("sid-node", "node", "drone-1")


def test_peer_is_present_while_it_has_a_connection() -> None:
    house = House()
    assert list(house.members.present) == ["sid-node", "sid-gcom"]
    assert isinstance(house.lose(house.node), PeerAway)
    assert list(house.members.present) == ["sid-gcom"]
    assert house.members.deadlines.next == 130.0
    house.members.come_back(house.node, Joined("sid-2", Hello("drone-1"), "10.0.0.9", "polling"))
    assert (house.node.sid, house.node.address, house.node.transport) == (
        "sid-2",
        "10.0.0.9",
        "polling",
    )
    assert house.members.present["sid-2"] is house.node
    assert house.members.occupancy.away == 0


def test_peer_may_come_back_before_its_break_is_noticed() -> None:
    house = House()
    outputs = house.members.displace(house.node, house.joined("node"))
    assert kinds(outputs) == [Send, Close, PeerReplaced]
    house.members.come_back(house.node, Joined("sid-2", Hello("drone-1")))
    assert list(house.members.present) == ["sid-gcom", "sid-2"]
    assert house.members.occupancy.away == 0


def test_peer_that_is_away_has_no_connection_to_close() -> None:
    house = House()
    house.lose(house.node)
    assert house.members.displace(house.node, house.joined("node")) == []


def test_others_hear_of_a_departure_now_or_when_they_are_back() -> None:
    house = House()
    third = house.enter("third")
    house.lose(house.gcom)
    outputs = house.members.depart(house.node, Change.LEFT, "goodbye")
    assert kinds(outputs) == [Send, PeerLeft]
    assert house.gcom.replay is not None
    assert len(house.gcom.replay) == 1
    assert outputs[0][0] == third.sid


def test_one_peer_is_told_now_or_when_it_is_back() -> None:
    house = House()
    house.lose(house.gcom)
    outputs: list[Output] = []
    for peer in (house.node, house.gcom):
        house.members.notify(peer, ("error", {}), outputs)
    assert outputs == [Send(house.node.sid, "error", {})]
    assert house.gcom.replay is not None
    assert len(house.gcom.replay) == 1


def test_what_a_peer_left_for_others_goes_with_it() -> None:
    house = House()
    assert house.gcom.replay is not None
    assert house.node.replay is not None
    house.node.hold.add(OFFER, house.config.hold, 0.0)
    for receiver, sender in ((house.gcom, house.node), (house.node, house.gcom)):
        assert receiver.replay is not None
        author, limits = sender.as_sender, house.config.resume
        receiver.replay.keep_sent(author, OFFER, 300, limits, 40.0, 0.0)
    house.members.remove(house.node, Change.LEFT)
    assert house.gcom.replay.resume(0, 0.0) == []
    assert house.budget.used == 0
    assert house.node.room.departures.count == 1
    assert house.members.deadlines.peers() == []


def test_peer_without_a_session_leaves_its_room() -> None:
    house = House(sessions=False)
    house.members.remove(house.node, Change.LEFT)
    assert list(house.members.present) == ["sid-gcom"]


def test_absent_peers_make_way_for_newcomers() -> None:
    house = House(connections=2)
    for peer in (house.gcom, house.node):
        house.lose(peer)
    assert house.members.make_way(house.joined("third")) == []
    house.enter("third", room="drone-2")
    outputs = house.members.make_way(house.joined("third"))
    (left,) = (fact for fact in outputs if isinstance(fact, PeerLeft))
    assert (left.peer_id, left.reason) == ("gcom", "connection-lost")
    assert house.gcom.state is State.GONE


def test_present_peers_make_way_for_nobody() -> None:
    house = House(connections=1)
    assert house.members.make_way(house.joined("third")) == []


def test_deserted_room_makes_way_with_all_its_peers() -> None:
    house = House()
    for peer in (house.gcom, house.node):
        house.lose(peer)
    house.members.config = settings(rooms={"max_rooms": 1})
    house.enter("third", room="drone-2")
    outputs = house.members.make_way(house.joined("third", room="drone-2"))
    assert kinds(outputs) == [PeerLeft, PeerLeft]
    assert list(house.members.occupancy.rooms) == ["drone-2"]


def test_revoked_peers_are_out_at_once_whether_they_are_present_or_away() -> None:
    house = House()
    stays = house.enter("third")
    house.lose(house.gcom)
    assert house.members.grants() == {None}
    stays.grant = object()  # type: ignore[assignment]
    outputs = house.members.revoke(Revoked({None}, "the token has expired"))
    assert kinds(outputs) == [Send, Close, Rejected, PeerLeft, PeerLeft, Send, Send]
    assert {output[0] for output in outputs if isinstance(output, Send)} == {"sid-node", stays.sid}
    assert outputs[0][2]["message"] == "the token has expired"
    assert house.node.state is house.gcom.state is State.GONE
    assert list(house.members.present) == ["sid-third"]


def test_room_that_is_dissolved_is_empty_and_nobody_is_told() -> None:
    house = House()
    house.lose(house.gcom)
    outputs = house.members.dissolve(house.node.room)
    assert kinds(outputs) == [PeerLeft, PeerLeft]
    assert house.node.state is house.gcom.state is State.GONE
    assert not house.members.occupancy.rooms


def test_fact_that_a_peer_has_joined_says_what_the_peer_says_of_itself() -> None:
    house = House()
    hello = Hello("drone-1", "node", "camera", "key", 7)
    peer = Peer(Room("drone-1"), Joined("sid-node", hello, "10.0.0.1", "polling"), house.budget)
    assert joined(peer, True) == PeerJoined(
        *("sid-node", "node", "drone-1", "10.0.0.1", "polling", True),
        *("camera", peer.session, 7),
    )
