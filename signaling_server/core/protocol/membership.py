"""Membership: peers enter their rooms, lose their connections, and leave; the others are told."""

from __future__ import annotations

from typing import Iterable

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol import notices
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.deadlines import Deadlines
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
from signaling_server.core.protocol.notices import Notice
from signaling_server.core.protocol.occupancy import Occupancy
from signaling_server.core.protocol.peers import Change, Peer, Room, State


class Membership:
    """Who is in which room. `config` is the one in use: the relay replaces it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.occupancy = Occupancy()
        self.deadlines = Deadlines()
        self.present: dict[str, Peer] = {}
        """The present peers by the sid of their connection."""

    def grants(self) -> set[Grant | None]:
        """What the tokens of all peers allow; None: of those without one."""
        return {
            peer.grant for room in self.occupancy.rooms.values() for peer in room.peers.values()
        }

    def set_deadline(self, peer: Peer) -> None:
        """Wake up when something happens to a peer by time alone."""
        self.deadlines.set(peer, peer.next_deadline(self.config.hold.max_age))

    def enter(self, peer: Peer) -> None:
        """A new peer is in its room."""
        self.occupancy.entered(peer)
        self.present[peer.sid] = peer

    def displace(self, peer: Peer, by: Joined) -> list[Output]:
        """Close the connection of a peer, if it has one: a newer one takes its place."""
        if not peer.present:
            return []
        del self.present[peer.sid]
        return [
            Send(peer.sid, *notices.replaced()),
            Close(peer.sid, "replaced"),
            PeerReplaced(*place(peer), peer.address, by_address=by.address),
        ]

    def come_back(self, peer: Peer, joined: Joined) -> None:
        """A peer gets its new connection."""
        if peer.state is State.AWAY:
            self.occupancy.returned(peer)
        peer.change(Change.RETURNED)
        peer.sid, peer.address, peer.transport = joined.sid, joined.address, joined.transport
        peer.grant = joined.grant
        self.present[peer.sid] = peer
        self.set_deadline(peer)

    def break_off(self, peer: Peer, reason: str, until: float) -> Output:
        """A peer has lost its connection; it may come back."""
        del self.present[peer.sid]
        peer.change(Change.BROKE)
        peer.away_until = until
        self.occupancy.broke(peer)
        self.set_deadline(peer)
        return PeerAway(*place(peer), reason, self.config.resume.window)

    def depart(self, peer: Peer, change: Change, reason: str) -> list[Output]:
        """Remove a peer, and announce it to the others."""
        self.remove(peer, change)
        outputs = self.notify_all(peer.room.peers.values(), notices.peer_left(peer, reason))
        outputs.append(PeerLeft(*place(peer), reason))
        return outputs

    def remove(self, peer: Peer, change: Change) -> None:
        """Take a peer out of its room, and with it all that it left for others."""
        self.present.pop(peer.sid, None)
        peer.change(change)
        self.occupancy.left(peer)
        peer.hold.clear()
        if peer.replay:
            peer.replay.clear()
        peer.as_sender.gone = True
        peer.room.departures.count += 1
        self.set_deadline(peer)

    def notify_all(self, peers: Iterable[Peer], notice: Notice) -> list[Output]:
        """Send an event of the server's own to peers, or keep it until they are back."""
        outputs: list[Output] = []
        event, payload = notice
        for peer in peers:
            if peer.state is State.PRESENT:
                outputs.append(Send(peer.sid, event, payload))
            else:
                self._keep_event(peer, notice)
        return outputs

    def notify(self, peer: Peer, notice: Notice, outputs: list[Output]) -> None:
        """The same for one peer; adds to `outputs`."""
        if peer.state is State.PRESENT:
            outputs.append(Send(peer.sid, *notice))
        else:
            self._keep_event(peer, notice)

    def _keep_event(self, peer: Peer, notice: Notice) -> None:
        assert peer.replay is not None
        peer.replay.keep_event(*notice, self.config.resume)

    def make_way(self, newcomer: Joined) -> list[Output]:
        """Remove peers that are away, where a newcomer needs their places (occupancy.py)."""
        outputs: list[Output] = []
        room = self.occupancy.room_to_close(
            self.config, newcomer.address, newcomer.grant is not None
        )
        for peer in list(room.peers.values()) if room else ():
            outputs += self._vanish(peer, Change.EXPIRED, "connection-lost")
        while len(self.present) + self.occupancy.away > self.config.limits.connections:
            away = self.occupancy.longest_away()
            if away is None:
                break
            outputs += self.depart(away, Change.EXPIRED, "connection-lost")
        return outputs

    def dissolve(self, room: Room) -> list[Output]:
        """Remove all peers of a room, and announce it to nobody."""
        outputs: list[Output] = []
        for peer in list(room.peers.values()):
            outputs += self._vanish(peer, Change.DISSOLVED, "moved")
        return outputs

    def revoke(self, event: Revoked) -> list[Output]:
        """Remove all peers whose grants are no longer valid, with what they left for others."""
        outputs: list[Output] = []
        rooms = self.occupancy.rooms.values()
        peers = [peer for room in rooms for peer in room.peers.values()]
        # First all leave, and then the others hear of them: not one revoked peer of the next.
        revoked = [peer for peer in peers if peer.grant in event.grants]
        for peer in revoked:
            if peer.present:
                outputs += [
                    Send(peer.sid, *notices.unauthorized(event.message)),
                    Close(peer.sid, "unauthorized"),
                    Rejected(*place(peer), peer.address, "unauthorized", event.message),
                ]
            outputs += self._vanish(peer, Change.REVOKED, "unauthorized")
        for peer in revoked:
            notice = notices.peer_left(peer, "unauthorized")
            outputs += self.notify_all(peer.room.peers.values(), notice)
        return outputs

    def _vanish(self, peer: Peer, change: Change, reason: str) -> list[Output]:
        """Remove a peer, and announce it to nobody."""
        self.remove(peer, change)
        return [PeerLeft(*place(peer), reason)]


def place(peer: Peer) -> tuple[str, str, str]:
    """How facts about a peer begin: sid, peer_id, room."""
    return peer.sid, peer.peer_id, peer.room.name


def joined(peer: Peer, rejoined: bool) -> PeerJoined:
    """The fact that a peer has entered its room."""
    where = peer.address, peer.transport
    return PeerJoined(*place(peer), *where, rejoined, peer.role, peer.session, peer.seen)
