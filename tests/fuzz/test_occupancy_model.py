"""Places against a model: whoever is present keeps his, and of the absent the right one makes way.

Clients of few addresses join rooms with a session, lose their connections and come back, while
places and rooms are scarce. The model knows who broke off when, and demands after every step:

- Peers that are away are bounded: with those present they take no more than the places there are.
- The one that makes way is away longest, of an address of which most are away.
- Nobody who is present makes way, and a client is refused only if no absent peer can make way.
- An address has no more rooms than its share, unless somebody is present in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scenarios.scene import Scene
from signaling_server.core.protocol.events import PeerLeft
from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.errors import Rejection

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
ROOMS = tuple(f"room-{number}" for number in range(6))
WINDOW = 30.0


@dataclass(eq=False)
class Client:
    """A program with a session."""

    sid: str
    name: str
    room: str
    address: str
    broke: int | None = None
    """When it lost its connection, as a number of such breaks; None: it is present."""
    until: float = 0.0


class OccupancyModel(RuleBasedStateMachine):
    """Drives a Scene and the list of those who must be in it."""

    @initialize(
        places=st.integers(1, 6),
        rooms=st.sampled_from([2, 4, 100]),
        share=st.sampled_from([0, 2, 100]),
    )
    def open(self, places: int, rooms: int, share: int) -> None:
        self.places, self.rooms, self.share = places, rooms, share
        self.scene = Scene(
            limits={"connections": places, "rooms_per_address": share},
            rooms={"max_rooms": rooms},
            resume={"window": WINDOW},
        )
        self.numbers, self.breaks = count(), count()
        self.clients: list[Client] = []

    @rule(room=st.sampled_from(ROOMS), address=st.sampled_from(ADDRESSES))
    def join(self, room: str, address: str) -> None:
        """admission.py has refused whom the server has no connection for."""
        if len(self.present()) >= self.places:
            return
        number = next(self.numbers)
        client = Client(f"sid-{number}", f"n{number}", room, address)
        deserted = self.deserted()
        known = {one.room for one in self.clients}
        before = len(self.scene.facts_of(PeerLeft))
        try:
            self.enter(client)
        except Rejection:  # server-full
            assert room not in known
            own = {name for name in deserted if self.owner(name) == address}
            assert not deserted or (self.share and not own)
            return
        gone = [fact.peer_id for fact in self.scene.facts_of(PeerLeft)[before:]]
        self.clients.append(client)
        self.judge(gone, deserted)

    @precondition(lambda self: self.present())
    @rule(index=st.integers(0, 9))
    def lose(self, index: int) -> None:
        client = self.present()[index % len(self.present())]
        self.scene.lose(client.sid)
        client.broke, client.until = next(self.breaks), self.scene.now + WINDOW

    @precondition(lambda self: self.away() and len(self.present()) < self.places)
    @rule(index=st.integers(0, 9), address=st.sampled_from(ADDRESSES))
    def come_back(self, index: int, address: str) -> None:
        client = self.away()[index % len(self.away())]
        client.sid, client.address = f"sid-{next(self.numbers)}", address
        before = len(self.scene.facts_of(PeerLeft))
        self.enter(client)
        client.broke = None
        assert len(self.scene.facts_of(PeerLeft)) == before, "it takes its own place"

    @precondition(lambda self: self.present())
    @rule(index=st.integers(0, 9))
    def leave(self, index: int) -> None:
        client = self.present()[index % len(self.present())]
        self.scene.leave(client.sid)
        self.clients.remove(client)

    @rule(seconds=st.sampled_from([1.0, WINDOW / 2, WINDOW]))
    def wait(self, seconds: float) -> None:
        self.scene.wait(seconds)
        now = self.scene.now
        self.clients = [one for one in self.clients if one.broke is None or one.until > now]

    def judge(self, gone: list[str], deserted: set[str]) -> None:
        """Whether the right ones made way, in the right order."""
        for name in gone:
            client = next(one for one in self.clients if one.name == name)
            assert client.broke is not None, "who is present makes way for nobody"
            closed = client.room in deserted and not any(
                one.room == client.room and one.name not in gone for one in self.clients
            )
            assert closed or self.is_next(client)
            self.clients.remove(client)

    def is_next(self, client: Client) -> bool:
        """Whether a client is away longest, of an address of which most are away."""
        away = self.away()
        assert len(self.clients) > self.places
        by_address = {one.address: [] for one in away}  # type: dict[str, list[Client]]
        for one in away:
            by_address[one.address].append(one)
        own = by_address[client.address]
        most = max(map(len, by_address.values()))
        oldest = min(own, key=lambda one: one.broke or 0)
        return len(own) == most and oldest is client

    @invariant()
    def those_are_there_who_must_be(self) -> None:
        relay = self.scene.relay
        peers = {
            peer.peer_id: peer for room in relay.rooms.values() for peer in room.peers.values()
        }
        assert set(peers) == {one.name for one in self.clients}
        assert {name for name, peer in peers.items() if not peer.present} == {
            one.name for one in self.away()
        }
        assert len(peers) <= max(self.places, len(self.present()))
        assert len(relay.rooms) <= self.rooms
        assert relay.crowds == {n for n, room in relay.rooms.items() if len(room.peers) >= CROWD}

    def enter(self, client: Client) -> None:
        self.scene.join(
            client.sid, client.name, client.room, session=client.name, address=client.address
        )

    def present(self) -> list[Client]:
        return [one for one in self.clients if one.broke is None]

    def away(self) -> list[Client]:
        return [one for one in self.clients if one.broke is not None]

    def deserted(self) -> set[str]:
        """The rooms in which all are away."""
        return {one.room for one in self.clients} - {one.room for one in self.present()}

    def owner(self, room: str) -> str | None:
        """The address that a room counts to."""
        return self.scene.relay.rooms[room].address


TestOccupancyModel = OccupancyModel.TestCase
