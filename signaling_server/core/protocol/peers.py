"""Connections, peers and rooms.

A connection (a Socket.IO sid) and a peer (an id in a room) are two things: a peer may change its
connection, or be without one for a while. A peer's life:

    joined ──> PRESENT ──goodbye──────────────────────────────> GONE
                │   ^ └──break without a session──────────────> GONE
    break with  │   │ └──taken over by a newcomer of its name─> GONE
    a session   v   │ same session comes back in time
               AWAY ┘───window over, or taken over────────────> GONE

From both of these, a revoked token leads to GONE at once, and so does the room's move to another
host.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Tuple

from signaling_server.core.protocol.announcement import Announcement
from signaling_server.core.protocol.contests import Claim
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hold import Hold
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.replay import Departures, Replay, Sender
from signaling_server.errors import Rejection

Introductions = Tuple[Announcement, Announcement]


class State(IntEnum):
    """Where a peer is in its life."""

    PRESENT = 1
    """It has a connection."""
    AWAY = 2
    """Its connection broke; its session may come back until `away_until`."""
    GONE = 3
    """It has left its room."""


class Change(IntEnum):
    """What moves a peer from one state to the next."""

    BROKE = 1
    RETURNED = 2
    LEFT = 3
    TAKEN_OVER = 4
    EXPIRED = 5
    """Its window is over, or a newcomer needs its place."""
    REVOKED = 6
    DISSOLVED = 7
    """Its room is another host's."""


TRANSITIONS = {
    (State.PRESENT, Change.BROKE): State.AWAY,
    (State.PRESENT, Change.RETURNED): State.PRESENT,  # before its break was noticed
    (State.PRESENT, Change.LEFT): State.GONE,
    (State.PRESENT, Change.TAKEN_OVER): State.GONE,
    (State.AWAY, Change.RETURNED): State.PRESENT,
    (State.AWAY, Change.TAKEN_OVER): State.GONE,
    (State.AWAY, Change.EXPIRED): State.GONE,
    (State.PRESENT, Change.REVOKED): State.GONE,
    (State.AWAY, Change.REVOKED): State.GONE,
    (State.PRESENT, Change.DISSOLVED): State.GONE,
    (State.AWAY, Change.DISSOLVED): State.GONE,
}


class Peer:
    """One participant of a room."""

    __slots__ = (
        "address",
        "as_sender",
        "away_until",
        "by_rule",
        "claim",
        "description",
        "grant",
        "hold",
        "introductions",
        "name",
        "peer_id",
        "replay",
        "role",
        "room",
        "seen",
        "session",
        "sid",
        "state",
        "transport",
        "untold",
    )

    def __init__(self, room: Room, joined: Joined, budget: Budget, jump: int = 0) -> None:
        hello = joined.hello
        self.room = room
        self.sid = joined.sid
        """Of its connection; while AWAY, of the one that broke."""
        self.address = joined.address
        self.transport = joined.transport
        self.name = hello.name
        self.peer_id = hello.name or joined.sid
        self.by_rule = hello.by_rule
        self.role = hello.role
        self.session = hello.session
        self.seen = hello.seen
        self.description = _described(self)
        """What others learn of it: {peer_id, name?, role?, session?}. Made once, because in a crowd
        everybody learns of everybody; never change it."""
        self.introductions: Introductions | None = None
        """How others are told of it; made when it is first needed (notices.py)."""
        self.state = State.PRESENT
        self.hold = Hold(budget)
        self.as_sender = Sender(self.peer_id)
        self.replay: Replay | None = None
        if hello.session:
            self.replay = Replay(budget, hello.seen + jump, room.departures, jumped=jump > 0)
        self.away_until = 0.0
        self.untold = 0
        """Held signals that expired while it was away: it is told when it is back."""
        self.claim = Claim()
        self.by_rule = hello.by_rule
        """The label of the rule that gave its name."""
        self.grant = joined.grant

    @property
    def present(self) -> bool:
        """Whether it has a connection."""
        return self.state is State.PRESENT

    @property
    def unheard(self) -> int:
        """Held signals that go with it, or expired while it was away: its client was not told."""
        return self.untold + len(self.hold)

    def change(self, change: Change) -> None:
        """Move to the next state; KeyError (a bug in the relay) if TRANSITIONS has none."""
        self.state = TRANSITIONS[self.state, change]

    def next_deadline(self, max_age: float) -> float | None:
        """When something happens to it by time alone; `max_age` is that of held signals."""
        expiry = self.hold.next_deadline(max_age)
        if self.state is State.AWAY and (expiry is None or self.away_until < expiry):
            return self.away_until
        return expiry


def _described(peer: Peer) -> dict[str, Any]:
    known = {
        "peer_id": peer.peer_id,
        "name": peer.name,
        "role": peer.role,
        "session": peer.session,
    }
    return {key: value for key, value in known.items() if value is not None}


class Room:
    """The peers of a room, oldest first."""

    __slots__ = ("address", "departures", "name", "peers", "present", "sessions")

    def __init__(self, name: str) -> None:
        self.name = name
        self.present = 0
        """Peers that have a connection; occupancy.py counts them."""
        self.address: str | None = None
        """The address that it counts to, where rooms of an address are limited."""
        self.departures = Departures()
        self.peers: dict[str, Peer] = {}
        self.sessions: dict[tuple[str | None, str], Peer] = {}
        """By (name, session)."""

    def add(self, peer: Peer) -> None:
        """Add a peer, as the newest."""
        self.peers[peer.peer_id] = peer
        if peer.session:
            self.sessions[peer.name, peer.session] = peer

    def remove(self, peer: Peer) -> None:
        """Remove a peer."""
        del self.peers[peer.peer_id]
        if peer.session:
            self.sessions.pop((peer.name, peer.session), None)

    def others(self, peer: Peer) -> list[Peer]:
        """Everyone but `peer`, oldest first."""
        return [other for other in self.peers.values() if other is not peer]

    def receivers(self, sender: Peer, to: str | None) -> list[Peer]:
        """Who gets a signal, present and away, oldest first. Raises Rejection `peer-not-found`."""
        if to is None:
            receivers = list(self.peers.values())  # and without a loop of Python: hot path
            receivers.remove(sender)
            return receivers
        receiver = self.peers.get(to)
        if receiver is None or receiver is sender:
            message = f"no other peer {to[:64]} is in the room"
            raise Rejection("peer-not-found", message, to=to[:64])
        return [receiver]
