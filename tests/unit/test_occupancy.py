from __future__ import annotations

import pytest

from scenarios.scene import settings
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.occupancy import CROWD, Occupancy
from signaling_server.core.protocol.peers import Change, Peer, Room
from signaling_server.errors import Rejection

A, B = "10.0.0.1", "10.0.0.2"


class House:
    """An Occupancy and its peers, which have a session and are known by their names."""

    def __init__(self) -> None:
        self.occupancy = Occupancy()
        self.peers: dict[str, Peer] = {}

    def enter(self, name: str, room: str, address: str = A) -> Peer:
        at = self.occupancy.rooms.get(room) or Room(room)
        joined = Joined(f"sid-{name}", Hello(room, name, session="key"), address)
        self.peers[name] = Peer(at, joined, Budget(0))
        self.occupancy.entered(self.peers[name])
        return self.peers[name]

    def lose(self, name: str) -> None:
        self.peers[name].change(Change.BROKE)
        self.occupancy.broke(self.peers[name])

    def come_back(self, name: str) -> None:
        self.occupancy.returned(self.peers[name])
        self.peers[name].change(Change.RETURNED)

    def leave(self, name: str) -> None:
        peer = self.peers.pop(name)
        peer.change(Change.TAKEN_OVER)
        self.occupancy.left(peer)

    def refusal(self, address: str, with_token: bool = False, **limits: int) -> str:
        config = settings(rooms={"max_rooms": limits.pop("max_rooms", 0)}, limits=limits)
        try:
            self.occupancy.check_new_room(config, address, with_token)
        except Rejection as rejection:
            return rejection.message
        return ""

    def closes(self, address: str, with_token: bool = False, **limits: int) -> str:
        """The name of the room that gives way; "" if none does."""
        config = settings(rooms={"max_rooms": limits.pop("max_rooms", 0)}, limits=limits)
        room = self.occupancy.room_to_close(config, address, with_token)
        return room.name if room else ""

    def longest_away(self) -> str:
        peer = self.occupancy.longest_away()
        return peer.peer_id if peer else ""


def test_one_that_is_away_longest_goes_of_the_address_that_has_most() -> None:
    house = House()
    for name, address in (("old", B), ("a1", A), ("a2", A), ("a3", A)):
        house.enter(name, "drone-1", address)
        house.lose(name)
    assert (house.occupancy.away, house.longest_away()) == (4, "a1")
    house.come_back("a1")
    house.leave("a2")
    assert (house.occupancy.away, house.longest_away()) == (2, "old")
    house.leave("old")
    house.leave("a3")
    assert (house.occupancy.away, house.longest_away()) == (0, "")


def test_room_is_there_while_somebody_is_in_it() -> None:
    house = House()
    house.enter("node", "drone-1")
    house.enter("gcom", "drone-1")
    house.lose("node")
    house.leave("gcom")
    assert list(house.occupancy.rooms) == ["drone-1"]
    house.leave("node")
    assert house.occupancy.rooms == {}


@pytest.mark.parametrize(("away", "refused"), [(True, False), (False, True)])
def test_full_house_has_room_only_if_a_room_is_deserted(away: bool, refused: bool) -> None:
    house = House()
    house.enter("node", "drone-1")
    house.enter("gcom", "drone-1")
    house.lose("node")
    if away:
        house.lose("gcom")
    assert bool(house.refusal(A, max_rooms=1)) is refused
    assert house.refusal(A, max_rooms=2) == house.refusal(A) == ""


def test_room_is_deserted_no_longer_when_somebody_comes() -> None:
    house = House()
    house.enter("node", "drone-1")
    house.lose("node")
    house.come_back("node")
    assert house.refusal(A, max_rooms=1) == "the server already has 1 room"
    house.lose("node")
    house.enter("gcom", "drone-1")
    assert house.refusal(A, max_rooms=1)


def test_rooms_of_an_address_are_limited_where_anybody_may_come() -> None:
    house = House()
    house.enter("a", "one")
    house.enter("b", "two")
    assert house.refusal(A, rooms_per_address=2) == "at most 2 rooms for one address"
    assert house.refusal(A, rooms_per_address=3) == ""
    assert house.refusal(A, rooms_per_address=0) == ""
    assert house.refusal(A, with_token=True, rooms_per_address=2) == ""
    assert house.refusal(B, rooms_per_address=2) == ""
    house.leave("a")
    assert house.refusal(A, rooms_per_address=2) == ""
    assert house.refusal(A, rooms_per_address=1)


def test_room_counts_to_its_oldest_peer() -> None:
    house = House()
    house.enter("a", "one", A)
    house.enter("b", "one", B)
    assert house.refusal(A, rooms_per_address=1)
    house.leave("a")
    assert house.refusal(A, rooms_per_address=1) == ""
    assert house.refusal(B, rooms_per_address=1)
    house.leave("b")
    assert house.refusal(B, rooms_per_address=1) == ""


def test_deserted_room_of_the_same_address_gives_way_to_its_newest() -> None:
    house = House()
    for name, address in (("b", B), ("a1", A), ("a2", A)):
        house.enter(name, f"room-of-{name}", address)
        house.lose(name)
    assert house.refusal(A, rooms_per_address=2) == ""
    house.enter("a3", "newest", A)
    assert house.closes(A, rooms_per_address=2) == "room-of-a1"
    assert house.closes(A, rooms_per_address=3) == ""
    assert house.closes(A, with_token=True, rooms_per_address=2) == ""


def test_deserted_room_of_the_address_that_has_most_gives_way_in_a_full_house() -> None:
    house = House()
    for name, address in (("b", B), ("a1", A), ("a2", A)):
        house.enter(name, f"room-of-{name}", address)
        house.lose(name)
    house.enter("c", "newest", "10.0.0.3")
    assert house.closes("10.0.0.3", max_rooms=3) == "room-of-a1"
    assert house.closes("10.0.0.3", max_rooms=4) == ""
    for name in ("b", "a1", "a2"):
        house.come_back(name)
    assert house.closes("10.0.0.3", max_rooms=3) == ""


def test_room_is_a_crowd_while_many_are_in_it() -> None:
    house = House()
    for number in range(CROWD - 1):
        house.enter(str(number), "drone-1")
    assert house.occupancy.crowds == set()
    house.enter("last", "drone-1")
    assert house.occupancy.crowds == {"drone-1"}
    house.lose("last")
    assert house.occupancy.crowds == {"drone-1"}, "who is away is told of everybody, too"
    house.enter("one more", "drone-1")
    house.leave("one more")
    assert house.occupancy.crowds == {"drone-1"}
    house.leave("last")
    assert house.occupancy.crowds == set()
