"""The relay: who is in which room, and what is sent to whom. All rules of the protocol are here.

`Relay.handle(event, now)` takes an event and returns what follows from it, in order: commands
(`Send`, `Forward`, `Close`), which the transport must carry out in that order, and facts (all
others), which logs, metrics and insight record. A client's fault is raised as `Rejection`, and
nothing has changed then. `next_deadline()` says when `Ticked` is due. `now`: monotonic seconds.

No accepted signal vanishes unless its sender or its receiver is told, or is gone itself.
Wire format and semantics: docs/protocol.md.
"""

from __future__ import annotations

from typing import Any, Callable

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol import claims, notices
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.contests import Takeover, Takeovers
from signaling_server.core.protocol.delivery import Delivery
from signaling_server.core.protocol.events import (
    Event,
    Forward,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    Joined,
    Left,
    NameContested,
    Output,
    PeerResumed,
    Reconfigured,
    Revoked,
    RoomOverfull,
    Send,
    SignalAccepted,
    Signalled,
    StillAlive,
    Ticked,
    make,
)
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.membership import Membership, joined, place
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.peers import Change, Peer, Room, State
from signaling_server.core.protocol.replay import KeptSignal

MOST_TOLD = 1000
"""Peers that one tick tells of departures: a crowd whose windows end together goes in pieces."""


class Relay:
    """The state of all rooms. Does no I/O and never looks at a clock."""

    def __init__(self, settings: Config, jump: Callable[[], int] = int) -> None:
        """`jump()` is added to the numbers of a new peer with a session. In a fleet it is random:
        a session that went on at another relay has seen numbers there that mean nothing here.
        """
        self._jump = jump
        self._members = Membership(settings)
        self.rooms = self._members.occupancy.rooms
        self.crowds = self._members.occupancy.crowds
        self.peers = self._members.present
        """The present peers by the sid of their connection."""
        self.budget = Budget(settings.limits.memory_bytes)
        self.deadlines = self._members.deadlines
        self._takeovers = Takeovers()
        self._delivery = Delivery(settings)
        self._reconfigured(Reconfigured(settings), 0.0)
        self._handlers: dict[type, Callable[[Any, float], list[Output]]] = {
            Joined: self._joined,
            Signalled: lambda event, now: self.signal(event.sid, event.signal, now),
            Left: self._left,
            StillAlive: self._still_alive,
            Revoked: lambda event, now: self._members.revoke(event),
            Reconfigured: self._reconfigured,
            Ticked: self._ticked,
        }

    def handle(self, event: Event, now: float) -> list[Output]:
        """What follows from an event, in order. Raises Rejection."""
        return self._handlers[type(event)](event, now)

    def next_deadline(self) -> float | None:
        """When `Ticked` is due (early does no harm); None: not before another event."""
        return self.deadlines.next

    def is_present(self, room: str, name: str) -> bool:
        """Whether a client with this name is connected in a room."""
        peer = self.rooms[room].peers.get(name) if room in self.rooms else None
        return peer is not None and peer.present

    def grants(self) -> set[Grant | None]:
        """The grants of all peers, present and away; None: of those that gave no token."""
        return self._members.grants()

    # --- joining ----------------------------------------------------------------------------------

    def admit_early(self, joined: Joined, now: float) -> None:
        """Raise the Rejection that a client gets even before it has given its session."""
        claims.admit_early(self._members.occupancy, self._config, joined, now)

    def settled(self, joined: Joined) -> Joined:
        """The same without the name that a rule gave it, if that name belongs to somebody else."""
        return claims.settled(self.rooms, joined)

    def holder_of(self, hello: Hello) -> str | None:
        """The sid of the connection that has a client's name now, for `Joined.holder`."""
        room = self.rooms.get(hello.room)
        peer = room.peers.get(hello.name or "") if room else None
        return peer.sid if peer and peer.present else None

    def _joined(self, event: Joined, now: float) -> list[Output]:
        event = self.settled(event)
        hello = event.hello
        claims.admit(self._members.occupancy, self._config, event, now)
        room = self.rooms.get(hello.room) or Room(hello.room)
        returning = claims.returning(room, hello)
        if returning:
            return self._resume(returning, event, now)
        jump = self._jump() if hello.session else 0
        peer = Peer(room, event, self.budget, jump)
        older = claims.holder(room, hello)
        same_session = older is not None and hello.session and older.session == hello.session
        dropped = older.unheard if older and same_session else 0
        outputs = self._take_over(older, peer, event, now) if older else []
        self._members.enter(peer)
        outputs.append(Send(peer.sid, *notices.welcome(peer, event, resumed=False)))
        outputs += self._introduce(peer, older is not None and older.name is not None, now)
        if dropped:
            outputs += _tell_of_dropped(peer, dropped, notices.SESSION_LOST)
        return outputs + self._members.make_way(event)

    def _take_over(self, older: Peer, peer: Peer, event: Joined, now: float) -> list[Output]:
        """Let a newcomer have the place of an older peer."""
        was_present = older.present
        outputs = self._members.displace(older, event)
        if older.name is None:
            return outputs + self._members.depart(older, Change.TAKEN_OVER, "session-lost")
        peer.claim = older.claim
        peer.claim.declared = False
        if was_present:
            self._takeovers.add(older.sid, Takeover(peer.claim, now, older, event.address))
        self._members.remove(older, Change.TAKEN_OVER)
        return outputs

    def _still_alive(self, event: StillAlive, now: float) -> list[Output]:
        """Count a takeover whose loser lives: it was no ghost."""
        takeover = self._takeovers.lives(event.sid)
        if takeover is None:
            return []
        loser = takeover.loser
        return [NameContested(*place(loser), loser.address, by_address=takeover.by_address)]

    def _resume(self, peer: Peer, event: Joined, now: float) -> list[Output]:
        """Give a peer its new connection, and send it what it missed."""
        assert peer.replay is not None
        outputs = self._members.displace(peer, event)
        self._members.come_back(peer, event)
        outputs.append(Send(peer.sid, *notices.welcome(peer, event, resumed=True)))
        missed = peer.replay.resume(event.hello.seen, now)
        for entry in missed:
            if isinstance(entry, KeptSignal):
                outputs.append(Forward(peer.sid, entry.signal, entry.sender.peer_id, entry.seq))
            else:
                outputs.append(Send(peer.sid, entry.event, entry.payload))
        if peer.untold:
            outputs.append(Send(peer.sid, *notices.expired(peer.untold)))
            peer.untold = 0
        fact = PeerResumed(*place(peer), peer.address, peer.transport, missed=len(missed))
        return [*outputs, fact]

    def _introduce(self, newcomer: Peer, rejoined: bool, now: float) -> list[Output]:
        """Announce newcomer and room to each other, then deliver the room's held signals to it."""
        room, others = newcomer.room, newcomer.room.others(newcomer)
        me, sid, event = newcomer.peer_id, newcomer.sid, "peer_joined"
        outputs: list[Output] = []
        if self._config.rooms.announce == "everyone":
            outputs += [
                Send(sid, event, notices.introductions(other)[me < other.peer_id])
                for other in others
            ]
        if len(others) == 1 and len(others[0].hold):  # who is not alone holds nothing
            outputs += self._deliver_held(others[0], newcomer, rejoined, now)
        else:
            introductions = notices.introductions(newcomer, rejoined)
            for other in others:
                notice = event, introductions[other.peer_id < me]
                self._members.notify(other, notice, outputs)
        outputs.append(joined(newcomer, rejoined))
        expected = self._config.rooms.expected_peers
        if len(room.peers) > expected and not rejoined:
            outputs.append(RoomOverfull(room.name, tuple(room.peers), expected))
        return outputs

    def _deliver_held(
        self, holder: Peer, newcomer: Peer, rejoined: bool, now: float
    ) -> list[Output]:
        """Introduce a newcomer to a peer that was alone, and give it what that one has said."""
        held = holder.hold.release_all()
        outputs: list[Output] = []
        notice = notices.peer_joined(holder, newcomer, rejoined, len(held))
        self._members.notify(holder, notice, outputs)
        for signal in held:
            outputs += self._delivery.forward([newcomer], holder, signal, now)[0]
        self._members.set_deadline(holder)
        names = holder.peer_id, newcomer.peer_id
        outputs.append(HeldSignalsDelivered(*names, newcomer.room.name, signals=len(held)))
        return outputs

    # --- signals ----------------------------------------------------------------------------------

    def signal(self, sid: str, signal: Signal, now: float) -> list[Output]:
        """The same as to handle `Signalled`, for the hot path: without an event."""
        sender = self.peers.get(sid)
        if sender is None:  # replaced a moment ago: what it still says no longer counts
            return self._still_alive(StillAlive(sid), now)
        receivers = sender.room.receivers(sender, signal.to)
        if receivers or not self._config.hold.enabled:
            outputs, delivered, held = self._delivery.forward(receivers, sender, signal, now)
        else:
            outputs, delivered, held = self._hold(sender, signal, now), 0, 1
        outputs.append(  # last of all: the answer to a signal is made of it (handlers.py)
            make(
                SignalAccepted,
                (sid, sender.peer_id, sender.room.name, signal, delivered, held),
            )
        )
        return outputs

    def _hold(self, sender: Peer, signal: Signal, now: float) -> list[Output]:
        """Hold a signal, and tell its sender of older ones that it replaced."""
        replaced = sender.hold.add(signal, self._config.hold, now)
        self._members.set_deadline(sender)
        return _tell_of_dropped(sender, replaced, notices.NEWER_OFFER) if replaced else []

    # --- leaving ----------------------------------------------------------------------------------

    def _left(self, event: Left, now: float) -> list[Output]:
        peer = self.peers.get(event.sid)
        if peer is None:  # a newer connection took its place; a ghost says no goodbye
            return self._still_alive(StillAlive(event.sid), now) if event.goodbye else []
        window = self._config.resume.window
        if event.goodbye or peer.replay is None or window == 0:
            return self._members.depart(peer, Change.LEFT, event.reason)
        peer.replay.settle(now - self._delivery.horizon)
        return [self._members.break_off(peer, event.reason, now + window)]

    def dissolve(self, room: str) -> list[Output]:
        """Remove all peers of a room that another host serves: nobody is told, for all are to come
        back, and meet there. You must hang up the connections of those that were present.
        """
        found = self.rooms.get(room)
        return self._members.dissolve(found) if found else []

    # --- time and configuration -------------------------------------------------------------------

    def _ticked(self, event: Ticked, now: float) -> list[Output]:
        outputs: list[Output] = []
        for peer in self.peers.values():
            if peer.replay is not None:  # what has surely arrived must not take the room of others
                peer.replay.settle(now - self._delivery.horizon)
        told = 0
        for peer in self.deadlines.due(now):
            if told > MOST_TOLD:  # the next tick is due at once, and others have their turn before
                break
            if peer.state is State.AWAY and peer.away_until <= now:
                told += len(peer.room.peers)
                outputs += self._members.depart(peer, Change.EXPIRED, "connection-lost")
            else:
                outputs += self._expire_held(peer, now)
        self.deadlines.recount()
        return outputs

    def _expire_held(self, peer: Peer, now: float) -> list[Output]:
        count = peer.hold.expire(self._config.hold.max_age, now)
        self._members.set_deadline(peer)
        fact = HeldSignalsExpired(peer.peer_id, peer.room.name, count)
        if peer.present:
            return [Send(peer.sid, *notices.expired(count)), fact]
        peer.untold += count
        return [fact]

    def _reconfigured(self, event: Reconfigured, now: float) -> list[Output]:
        self._config = self._members.config = event.config
        limits = event.config.limits
        self.budget.total = limits.memory_bytes
        self.budget.share = limits.memory_bytes // limits.connections
        self._delivery.configure(event.config)
        for peer in self.deadlines.peers():
            self._members.set_deadline(peer)
        return []


def _tell_of_dropped(peer: Peer, count: int, why: str) -> list[Output]:
    return [
        Send(peer.sid, *notices.expired(count, why)),
        HeldSignalsReplaced(peer.peer_id, peer.room.name, count, why),
    ]
