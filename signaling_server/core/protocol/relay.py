"""The relay: who is in which room, and what is sent to whom. All rules of the protocol are here.

`Relay.handle(event, now)` takes an event and returns what follows from it, in order: commands
(`Send`, `Forward`, `Close`), which the transport must carry out in that order, and facts (all
others), which logs, metrics and insight record. A client's fault is raised as `Rejection`, and
nothing has changed then. `next_deadline()` says when `Ticked` is due. `now` is seconds on a
monotonic clock.

Wire format and semantics: docs/protocol.md.
"""

from __future__ import annotations

from typing import Any, Callable

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol import claims, notices
from signaling_server.core.protocol.deadlines import Deadlines
from signaling_server.core.protocol.events import (
    Close,
    Event,
    Forward,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    Joined,
    Left,
    Output,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Reconfigured,
    RoomOverfull,
    Send,
    SignalAccepted,
    Signalled,
    Ticked,
)
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.notices import Notice
from signaling_server.core.protocol.peers import Change, Peer, Room, State
from signaling_server.core.protocol.replay import KeptSignal, delivery_horizon
from signaling_server.errors import Rejection


class Relay:
    """The state of all rooms. Does no I/O and never looks at a clock."""

    def __init__(self, settings: Config) -> None:
        self.rooms: dict[str, Room] = {}
        self.peers: dict[str, Peer] = {}
        """The present peers by the sid of their connection."""
        self.budget = Budget(settings.limits.memory_bytes)
        self._deadlines = Deadlines()
        self._reconfigured(Reconfigured(settings), 0.0)
        self._handlers: dict[type, Callable[[Any, float], list[Output]]] = {
            Joined: self._joined,
            Signalled: self._signalled,
            Left: self._left,
            Reconfigured: self._reconfigured,
            Ticked: self._ticked,
        }

    def handle(self, event: Event, now: float) -> list[Output]:
        """What follows from an event, in order. Raises Rejection."""
        return self._handlers[type(event)](event, now)

    def next_deadline(self) -> float | None:
        """When `Ticked` is due (early does no harm); None: not before another event."""
        return self._deadlines.next

    # --- joining ----------------------------------------------------------------------------------

    def admit_early(self, hello: Hello, now: float) -> None:
        """Raise the Rejection that a client gets even before it has given its session."""
        claims.admit_early(self.rooms, self._config.rooms, hello, now)

    def _joined(self, event: Joined, now: float) -> list[Output]:
        hello = event.hello
        claims.admit(self.rooms, self._config.rooms, hello, now)
        room = self.rooms.get(hello.room) or Room(hello.room)
        returning = claims.returning(room, hello)
        if returning:
            return self._resume(returning, event, now)
        peer = Peer(room, event, self.budget)
        outputs: list[Output] = []
        older = claims.holder(room, hello)
        rejoined = older is not None and older.name is not None
        if older is not None:
            outputs += self._displace(older, event)
            if rejoined:
                peer.takeovers = claims.takeovers_by_now(older, now)
                self._remove(older, Change.TAKEN_OVER)
            else:
                outputs += self._depart(older, Change.TAKEN_OVER, "session-lost")
        self.rooms[room.name] = room
        room.add(peer)
        self.peers[peer.sid] = peer
        outputs.append(Send(peer.sid, *notices.welcome(peer, event.ice_servers, resumed=False)))
        outputs += self._introduce(peer, rejoined, now)
        return outputs

    def _resume(self, peer: Peer, event: Joined, now: float) -> list[Output]:
        """Give a peer its new connection, and send it what it missed."""
        assert peer.replay is not None
        outputs = self._displace(peer, event)
        peer.change(Change.RETURNED)
        peer.sid, peer.address, peer.transport = event.sid, event.address, event.transport
        self.peers[peer.sid] = peer
        self._set_deadline(peer)
        outputs.append(Send(peer.sid, *notices.welcome(peer, event.ice_servers, resumed=True)))
        missed = peer.replay.resume(event.hello.seen, now)
        for entry in missed:
            if isinstance(entry, KeptSignal):
                outputs.append(Forward(peer.sid, entry.signal, entry.sender, entry.seq))
            else:
                outputs.append(Send(peer.sid, entry.event, entry.payload))
        fact = PeerResumed(*_place(peer), peer.address, peer.transport, missed=len(missed))
        return [*outputs, fact]

    def _displace(self, peer: Peer, by: Joined) -> list[Output]:
        """Close the connection of a peer, if it has one: a newer one takes its place."""
        if not peer.present:
            return []
        del self.peers[peer.sid]
        return [
            Send(peer.sid, *notices.replaced()),
            Close(peer.sid, "replaced"),
            PeerReplaced(*_place(peer), peer.address, by_address=by.address),
        ]

    def _introduce(self, newcomer: Peer, rejoined: bool, now: float) -> list[Output]:
        """Announce newcomer and room to each other, then deliver the room's held signals to it."""
        room, others = newcomer.room, newcomer.room.others(newcomer)
        outputs: list[Output] = []
        if self._config.rooms.announce == "everyone":
            for other in others:
                outputs.append(Send(newcomer.sid, *notices.peer_joined(newcomer, other)))
        delivered: list[Output] = []
        for other in others:
            held = other.hold.release_all()
            self._set_deadline(other)
            outputs += self._notify(
                other, notices.peer_joined(other, newcomer, rejoined, len(held))
            )
            delivered += [self._forward(newcomer, other, signal, now) for signal in held]
            if held:
                names = other.peer_id, newcomer.peer_id
                delivered.append(HeldSignalsDelivered(*names, room.name, signals=len(held)))
        outputs += delivered
        place = _place(newcomer)
        outputs.append(PeerJoined(*place, newcomer.address, newcomer.transport, rejoined))
        expected = self._config.rooms.expected_peers
        if len(room.peers) > expected and not rejoined:
            outputs.append(RoomOverfull(room.name, tuple(room.peers), expected))
        return outputs

    # --- signals ----------------------------------------------------------------------------------

    def _signalled(self, event: Signalled, now: float) -> list[Output]:
        sid, signal = event
        sender = self.peers.get(sid)
        if sender is None:  # replaced a moment ago: what it still says no longer counts
            return []
        outputs: list[Output] = []
        receivers = sender.room.receivers(sender, signal.to)
        held = 0
        full: list[Peer] = []
        for peer in receivers:
            if peer.state is State.PRESENT:
                outputs.append(self._forward(peer, sender, signal, now))
            elif self._keep(peer, sender, signal, now):
                held += 1
            else:
                full.append(peer)
        delivered = len(outputs)
        if not receivers and self._config.hold.enabled:
            sender.hold.add(signal, self._config.hold, now)
            self._set_deadline(sender)
            held = 1
        elif full:
            self._refuse_copies(full, outputs, sender, accepted=delivered + held > 0)
        outputs.append(
            SignalAccepted(sid, sender.peer_id, sender.room.name, signal, delivered, held)
        )
        return outputs

    def _forward(self, receiver: Peer, sender: Peer, signal: Signal, now: float) -> Forward:
        replay = receiver.replay
        if replay is None:
            return Forward(receiver.sid, signal, sender.peer_id, 0)
        limits, horizon = self._config.resume, self._delivery_horizon
        seq = replay.keep_sent(sender.peer_id, signal, limits, horizon, now)
        return Forward(receiver.sid, signal, sender.peer_id, seq)

    def _keep(self, receiver: Peer, sender: Peer, signal: Signal, now: float) -> bool:
        """Keep a signal for a peer that is away; False if there is no room."""
        assert receiver.replay is not None
        return receiver.replay.keep_unsent(sender.peer_id, signal, self._config.resume, now)

    def _refuse_copies(
        self, full: list[Peer], outputs: list[Output], sender: Peer, accepted: bool
    ) -> None:
        """Tell the sender of the copies that found no room; if all did, refuse the signal."""
        for peer in full:
            message = f"{peer.peer_id} is away and its queue of waiting signals is full"
            rejection = Rejection("hold-full", message, to=peer.peer_id)
            if not accepted:
                raise rejection
            outputs.append(Send(sender.sid, "error", rejection.payload()))

    # --- leaving ----------------------------------------------------------------------------------

    def _left(self, event: Left, now: float) -> list[Output]:
        peer = self.peers.get(event.sid)
        if peer is None:  # a ghost: a newer connection took its place
            return []
        del self.peers[event.sid]
        window = self._config.resume.window
        if event.goodbye or peer.replay is None or window == 0:
            return self._depart(peer, Change.LEFT, event.reason)
        peer.replay.settle(now - self._delivery_horizon)
        peer.change(Change.BROKE)
        peer.away_until = now + window
        self._set_deadline(peer)
        return [PeerAway(*_place(peer), event.reason, window)]

    def _depart(self, peer: Peer, change: Change, reason: str) -> list[Output]:
        """Remove a peer, and announce it to the others."""
        self._remove(peer, change)
        outputs: list[Output] = []
        for other in peer.room.peers.values():
            outputs += self._notify(other, notices.peer_left(peer, reason))
        outputs.append(PeerLeft(*_place(peer), reason))
        return outputs

    def _remove(self, peer: Peer, change: Change) -> None:
        """Take a peer out of its room, and with it all that it left for others."""
        peer.change(change)
        room = peer.room
        room.remove(peer)
        peer.hold.clear()
        if peer.replay:
            peer.replay.clear()
        for other in room.peers.values():
            if other.replay:
                other.replay.forget(peer.peer_id)
        if not room.peers:
            del self.rooms[room.name]
        self._set_deadline(peer)

    def _notify(self, peer: Peer, notice: Notice) -> list[Output]:
        """Send an event of the server's own to a peer, or keep it until the peer is back."""
        if peer.state is State.PRESENT:
            return [Send(peer.sid, *notice)]
        assert peer.replay is not None
        peer.replay.keep_event(*notice, self._config.resume)
        return []

    # --- time and configuration -------------------------------------------------------------------

    def _set_deadline(self, peer: Peer) -> None:
        self._deadlines.set(peer, peer.next_deadline(self._config.hold.max_age))

    def _ticked(self, event: Ticked, now: float) -> list[Output]:
        outputs: list[Output] = []
        for peer in self.peers.values():
            if peer.replay is not None:  # what has surely arrived must not take the room of others
                peer.replay.settle(now - self._delivery_horizon)
        for peer in self._deadlines.due(now):
            if peer.state is State.AWAY and peer.away_until <= now:
                outputs += self._depart(peer, Change.EXPIRED, "connection-lost")
                continue
            count = peer.hold.expire(self._config.hold.max_age, now)
            self._set_deadline(peer)
            outputs += self._notify(peer, notices.expired(count))
            outputs.append(HeldSignalsExpired(peer.peer_id, peer.room.name, count))
        self._deadlines.recount()
        return outputs

    def _reconfigured(self, event: Reconfigured, now: float) -> list[Output]:
        self._config = event.config
        limits = event.config.limits
        self.budget.total = limits.memory_bytes
        self.budget.share = limits.memory_bytes // limits.connections
        self._delivery_horizon = delivery_horizon(event.config.socketio)
        for peer in self._deadlines.peers():
            self._set_deadline(peer)
        return []


def _place(peer: Peer) -> tuple[str, str, str]:
    """How facts about a peer begin: sid, peer_id, room."""
    return peer.sid, peer.peer_id, peer.room.name
