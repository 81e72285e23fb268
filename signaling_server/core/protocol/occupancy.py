"""Occupancy: the rooms, the places of peers that are away, and who gives way when all is taken.

A peer that is away has no connection, so nothing but its window would bound how many there are.
They count against `limits.connections` like those that are present, and where places are short,
who is absent gives way: first the peer that is away longest, of the address that has most of them.
Rooms count against `rooms.max_rooms`, and, where anybody may come without a token, against
`limits.rooms_per_address` of the address of their oldest peer; a room where all are away gives way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Counter as CounterOf

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.core.words import plural
from signaling_server.errors import Rejection

CROWD = 64
"""Peers in a room from which on what happens there waits for its turn."""


class Occupancy:
    """Who is where. Tell it each change of a peer, after `Peer.change`."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.crowds: set[str] = set()
        """The rooms of CROWD peers and more."""
        self.away = 0
        """Peers that are away."""
        self._away: defaultdict[str, dict[Peer, None]] = defaultdict(dict)
        """The same by address, in the order of their breaks."""
        self._deserted: dict[Room, None] = {}
        """Rooms where all are away, in the order in which they became so."""
        self._rooms_of: CounterOf[str] = Counter()

    def entered(self, peer: Peer) -> None:
        """A new peer is present."""
        room = peer.room
        room.add(peer)
        room.present += 1
        if len(room.peers) >= CROWD:
            self.crowds.add(room.name)
        if room.name not in self.rooms:
            self.rooms[room.name] = room
            self._charge(room, peer.address)
        self._deserted.pop(room, None)

    def broke(self, peer: Peer) -> None:
        """A peer that was present is away."""
        self.away += 1
        self._away[peer.address][peer] = None
        self._one_less(peer.room)

    def returned(self, peer: Peer) -> None:
        """A peer that was away is present; call it before its address changes."""
        self._no_longer_away(peer)
        peer.room.present += 1
        self._deserted.pop(peer.room, None)

    def left(self, peer: Peer) -> None:
        """A peer is gone, from where it was present or away."""
        room = peer.room
        room.remove(peer)
        if peer in self._away.get(peer.address, ()):
            self._no_longer_away(peer)
        else:
            self._one_less(room)
        if len(room.peers) < CROWD:
            self.crowds.discard(room.name)
        if room.peers:
            self._charge(room, next(iter(room.peers.values())).address)
        else:
            del self.rooms[room.name]
            self._deserted.pop(room, None)
            self._charge(room, None)

    def _no_longer_away(self, peer: Peer) -> None:
        self.away -= 1
        del self._away[peer.address][peer]
        if not self._away[peer.address]:
            del self._away[peer.address]

    def _one_less(self, room: Room) -> None:
        room.present -= 1
        if not room.present:
            self._deserted[room] = None

    def _charge(self, room: Room, address: str | None) -> None:
        """Count a room to an address, and no longer to the one before; None: to nobody."""
        if room.address == address:
            return
        if room.address is not None:
            self._rooms_of[room.address] -= 1
            if not self._rooms_of[room.address]:
                del self._rooms_of[room.address]
        if address is not None:
            self._rooms_of[address] += 1
        room.address = address

    def check_new_room(self, config: Config, address: str, with_token: bool) -> None:
        """Raise Rejection `server-full` if there is no place for another room."""
        most = config.rooms.max_rooms
        if 0 < most <= len(self.rooms) and not self._deserted:
            raise Rejection("server-full", f"the server already has {plural(most, 'room')}")
        if self._over_share(config, address, with_token, 1) and not self._deserted_of(address):
            most = config.limits.rooms_per_address
            raise Rejection("server-full", f"at most {plural(most, 'room')} for one address")

    def _over_share(self, config: Config, address: str, with_token: bool, more: int = 0) -> bool:
        most = config.limits.rooms_per_address
        return not with_token and 0 < most < self._rooms_of[address] + more

    def _deserted_of(self, address: str | None) -> Room | None:
        return next((room for room in self._deserted if room.address == address), None)

    def room_to_close(self, config: Config, address: str, with_token: bool) -> Room | None:
        """A deserted room that has to give way after a newcomer from this address entered."""
        if self._over_share(config, address, with_token):
            return self._deserted_of(address)
        if 0 < config.rooms.max_rooms < len(self.rooms) and self._deserted:
            addresses = dict.fromkeys(room.address for room in self._deserted)
            return self._deserted_of(max(addresses, key=lambda one: self._rooms_of[one or ""]))
        return None

    def longest_away(self) -> Peer | None:
        """Who gives way to a newcomer: the one away longest, of the address that has most."""
        if not self.away:
            return None
        most = max(self._away, key=lambda address: len(self._away[address]))
        return next(iter(self._away[most]))
