"""The relay against a model of what each client must have received.

Clients of few names, sessions and rooms join, speak, break, come back, replace each other and say
goodbye; time passes; the bounds are so small that they are hit. A break loses what was written last
to the dead connection, and a client that comes back says honestly what it saw.

The model knows who is in which room, and for each peer the signals that it must still get. What it
demands after every step:

- A peer hears just what it must, in order, once; what a break lost comes again after the return.
- Nothing of that is lost, but with what a sender that is gone left behind, or with a session that
  could not be resumed; then, and when a signal is refused, a bound was really reached.
- Held signals go to the next that joins; their sender is told of those that do not, because they
  expired, a new offer replaced them, or its session could not be resumed.
- No silent loss: an accepted signal that somebody must still get, or hear the end of, is in the
  relay; it goes only with its sender, or with a receiver whose departure its sender is told.
- A name is contested only by clients that have shown that they live; a name that a rule gave takes
  nobody's place who is there; a revoked client is out at once; who is away makes way.
- Each peer knows who is in its room, and who took over whose name.
- What is kept is bounded and paid for, and nothing of it is left when everybody is gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, Sequence, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scenarios.scene import Scene, ice
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.limits import OVERHEAD
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.replay import KeptSignal, MissedEvent
from signaling_server.errors import Rejection

WINDOW, MAX_AGE = 8.0, 6.0
HORIZON = 4.0
"""Seconds after which a live connection has delivered: ping_interval + 3 * ping_timeout."""
MAX_HELD, MAX_KEPT = 3, 4
SCARCE, AMPLE = 750, 10**9
"""Bytes: two small signals, or a large one; more than any example needs."""

INDEX = st.integers(0, 5)
STRANGER = 5
"""An index that is nobody else in the room: the sender itself, or a peer of another room."""
SIGNAL = st.tuples(
    st.sampled_from(["offer", "answer", "ice-candidate"]),
    st.none() | INDEX,
    st.booleans(),
    st.sampled_from(["", "a", "a", "b"]),
)
"""Type, receiver (an index; None: all), whether it is large, and its ICE session."""
LOST = st.integers(0, 8)
"""How many of the last events on a connection did not arrive."""

T = TypeVar("T")


def pick(items: Sequence[T], index: int) -> T:
    return items[index % len(items)]


class Program(NamedTuple):
    """One run of a client's program that has a session; the same one comes back after a break."""

    room: str
    name: str | None
    session: str | None


class Written(NamedTuple):
    """A signal that the relay wrote to a connection, or (number 0) an event of its own."""

    at: float
    number: int = 0


class Held(NamedTuple):
    """What somebody said who was alone."""

    at: float
    number: int
    kind: str
    ufrag: str


@dataclass(eq=False)
class Claim:
    """What a name has been through."""

    takeovers: list[float] = field(default_factory=list)
    """From clients that live."""
    contested: bool = False


@dataclass(eq=False)
class Member:
    """A peer as the model sees it. Signals are known by their number, which Scene counts up."""

    sid: str
    program: Program
    peer_id: str
    away_until: float | None = None
    away_since: float = 0.0
    others: set[str] = field(default_factory=set)
    """Who is in its room, from what it heard."""
    missing: list[int] = field(default_factory=list)
    """What it must get, in this order."""
    written: list[Written] = field(default_factory=list)
    """To the connection that it has."""
    lost: list[int] = field(default_factory=list)
    """Of what was written to the connection before, what did not arrive."""
    kept: list[int] = field(default_factory=list)
    """While it is away: what the relay may need room for."""
    notices: int = 0
    """While it is away: events of the relay's own that want room too."""
    held: list[Held] = field(default_factory=list)
    """What it said while it was alone."""
    expired: int = 0
    """Held signals whose end it must hear of."""
    claim: Claim = field(default_factory=Claim)

    @property
    def present(self) -> bool:
        return self.away_until is None


class RelayModel(RuleBasedStateMachine):
    """Drives a Scene and its model side by side."""

    @initialize(
        memory=st.sampled_from([AMPLE, AMPLE, SCARCE, 3 * SCARCE]),
        held_bytes=st.sampled_from([AMPLE, SCARCE]),
        kept_bytes=st.sampled_from([AMPLE, AMPLE, SCARCE]),
        key_of_node=st.sampled_from([None, "key-1", "key-2"]),
        places=st.sampled_from([100, 100, 3]),
    )
    def open(
        self, memory: int, held_bytes: int, kept_bytes: int, key_of_node: str | None, places: int
    ) -> None:
        self.places = places
        self.pulse = Pulse.LIVES
        self.memory, self.held_bytes, self.kept_bytes = memory, held_bytes, kept_bytes
        self.scene = Scene(
            socketio={"ping_interval": 1, "ping_timeout": 1},
            hold={"max_messages": MAX_HELD, "max_bytes": held_bytes, "max_age": MAX_AGE},
            resume={"window": WINDOW, "max_messages": MAX_KEPT, "max_bytes": kept_bytes},
            limits={"memory_bytes": memory, "connections": places},
        )
        self.sids = (f"sid-{number}" for number in count(1))
        self.breaks = count()
        self.members: list[Member] = []
        self.ghosts: list[str] = []
        """Connections that have ended, or were replaced."""
        self.displaced: dict[str, tuple[Claim, float]] = {}
        """Those that lost their name to a newer one: which, and when."""
        self.senders: list[Member] = []
        """Of the signals that were accepted, by number - 1."""
        self.costs: list[int] = []
        """The same: bytes that keeping them takes."""
        self.arrived: dict[Program, list[tuple[int, int]]] = {}
        """(seq, number) of all that a program with a session has received."""
        for name, key in (("gcom", "key-1"), ("node", key_of_node)):
            self.connect_anew(Program("north", name, key), None)
            self.everybody_hears_what_it_must()

    # --- what clients do --------------------------------------------------------------------------

    @rule(
        room=st.sampled_from(["north", "north", "north", "south"]),
        name=st.sampled_from([None, "gcom", "node"]),
        session=st.sampled_from([None, "key-1", "key-1", "key-2"]),
        lost=LOST,
        by_rule=st.sampled_from([False, False, True]),
        pulse=st.sampled_from([Pulse.LIVES, Pulse.LIVES, Pulse.SILENT, Pulse.CLOSED]),
    )
    def join(
        self,
        room: str,
        name: str | None,
        session: str | None,
        lost: int,
        by_rule: bool,
        pulse: Pulse,
    ) -> None:
        self.pulse = pulse
        program = Program(room, name, session)
        named = name if by_rule else None
        if named and not self.may_have(program):
            program = Program(room, None, session)
        for member in self.members:
            if session and member.program == program:
                return self.connect_again(member, lost, named)
        older = [m for m in self.members if program.name and m.program[:2] == (room, name)]
        return self.connect_anew(program, older[0] if older else None, named)

    @precondition(lambda self: self.with_session())
    @rule(index=INDEX, lost=LOST)
    def come_back(self, index: int, lost: int) -> None:
        self.pulse = Pulse.LIVES
        away = [member for member in self.with_session() if not member.present]
        self.connect_again(pick(away or self.with_session(), index), lost)

    @precondition(lambda self: self.present())
    @rule(index=INDEX, lost=LOST)
    def lose_the_connection(self, index: int, lost: int) -> None:
        with_session = [member for member in self.with_session() if member.present]
        member = pick(with_session or self.present(), index)
        self.scene.lose(member.sid)
        self.lose(member, lost)

    @precondition(lambda self: len(self.present()) > 2)
    @rule(index=INDEX, goodbye=st.booleans())
    def leave(self, index: int, goodbye: bool) -> None:
        member = pick(self.present(), index)
        if goodbye or member.program.session:
            self.scene.leave(member.sid)
        else:
            self.scene.lose(member.sid)
        self.forget(member)

    @precondition(lambda self: self.present())
    @rule(index=INDEX, signals=st.lists(SIGNAL, min_size=1, max_size=5))
    def talk(self, index: int, signals: list[tuple[str, int | None, bool, str]]) -> None:
        sender = pick(self.present(), index)
        for kind, to, long, ufrag in signals:
            ids = [other.peer_id for other in self.others(sender)]
            if to == STRANGER or not ids:
                ids = [member.peer_id for member in self.members if member.peer_id not in ids]
            padding = "x" * 300 if long else ""
            self.say(sender, kind, None if to is None else pick(ids, to), padding, ufrag)
            self.everybody_hears_what_it_must()

    @precondition(lambda self: self.alone())
    @rule(index=INDEX, lost=LOST, seconds=st.sampled_from([1.0, MAX_AGE]))
    def break_off_alone(self, index: int, lost: int, seconds: float) -> None:
        """What a peer said to nobody waits, or expires, while it is away."""
        member = pick(self.alone(), index)
        self.say(member, "ice-candidate", None, "", "a")
        self.everybody_hears_what_it_must()
        self.scene.lose(member.sid)
        self.lose(member, lost)
        self.wait(seconds)

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.0, 3.0, 3.0, 5.0, 9.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.scene.wait(seconds)
        now = self.scene.now
        for member in list(self.members):
            if member.away_until is not None and member.away_until <= now:
                self.forget(member)
        for member in self.members:
            expired = [held for held in member.held if held.at + MAX_AGE <= now]
            member.held = member.held[len(expired) :]
            member.expired += len(expired)

    @precondition(lambda self: self.ghosts)
    @rule(index=INDEX)
    def hear_of_a_ghost(self, index: int) -> None:
        """A connection that was replaced still speaks, so its client lives, and then ends."""
        ghost = pick(self.ghosts, index)
        claim, at = self.displaced.pop(ghost, (Claim(), 0.0))
        claim.takeovers.append(at)
        with pytest.raises(AssertionError, match="passed the signal over"):
            self.scene.say(ghost)
        self.scene.lose(ghost)

    @precondition(lambda self: len(self.members) > 2)
    @rule(index=INDEX)
    def revoke(self, index: int) -> None:
        member = pick(self.members, index)
        self.scene.revoke(grant_of(member.sid))
        self.forget(member)

    def teardown(self) -> None:
        relay = self.scene.relay
        for sid in list(relay.peers):
            self.scene.leave(sid)
        self.scene.wait(WINDOW)
        assert (relay.rooms, relay.peers, relay.deadlines.peers()) == ({}, {}, [])
        assert relay.next_deadline() is None or relay.next_deadline() > self.scene.now
        assert relay.budget.used == 0

    # --- what follows for the model ---------------------------------------------------------------

    def say(self, sender: Member, kind: str, to_id: str | None, padding: str, ufrag: str) -> None:
        receivers = [m for m in self.others(sender) if to_id in (None, m.peer_id)]
        number = len(self.senders) + 1
        data = {"number": number, **ice(kind, ufrag)}
        message = {"type": kind, "data": data, "padding": padding}
        kept = self.kept_beside(sender, kind, ufrag)
        cost = OVERHEAD + len(json.dumps({**message, "to": to_id} if to_id else message))
        try:
            answer = self.scene.say(sender.sid, kind, to_id, ufrag, padding=padding)
        except Rejection as rejection:
            self.hear_a_refusal(rejection.code, kept, receivers, to_id, cost)
            return
        assert receivers or to_id is None
        self.senders.append(sender)
        self.costs.append(cost)
        errors = [payload for event, payload in self.news(sender.sid) if event == "error"]
        refused = {payload["to"] for payload in errors if "to" in payload}
        for receiver in receivers:
            if receiver.peer_id in refused:
                assert self.cannot_wait(receiver, cost)
                continue
            receiver.missing.append(number)
            if not receiver.present:
                receiver.kept.append(number)
        present = sum(receiver.present for receiver in receivers)
        waiting = len(receivers) - present - len(refused)
        if not receivers:
            waiting = 1
            sender.expired += len(sender.held) - len(kept)
            sender.held = [*kept, Held(self.scene.now, number, kind, ufrag)]
        assert (answer.delivered, answer.held) == (present, waiting)

    def kept_beside(self, sender: Member, kind: str, ufrag: str) -> list[Held]:
        """What stays in the hold beside a new signal: of an offer, the candidates that are its."""
        if kind != "offer":
            return list(sender.held)
        offered = any(held.kind == "offer" for held in sender.held)
        return [
            held
            for held in sender.held
            if held.kind == "ice-candidate"
            and (held.ufrag == ufrag if held.ufrag and ufrag else not offered)
        ]

    def may_have(self, program: Program) -> bool:
        """Whether a client gets the name that a rule gives it."""
        room, name, session = program
        if session and any(m.program == (room, None, session) for m in self.members):
            return False
        for holder in self.members:
            if holder.program[:2] == (room, name):
                same = session is not None and holder.program.session == session
                return same or not holder.present or self.pulse is Pulse.SILENT
        return True

    def connect_anew(
        self, program: Program, older: Member | None, named: str | None = None
    ) -> None:
        """A newcomer, or one that takes the name of `older`."""
        sid = self.connect(program, named)
        if older and self.keeps_its_name(older):
            assert sid is None
            older.claim.contested = True
            return
        assert sid
        newcomer = Member(sid, program, program.name or sid)
        self.enter(newcomer, older, older is not None and older.present)

    def connect_again(self, member: Member, lost: int, named: str | None = None) -> None:
        """A program connects whose peer is still there: maybe its break was not noticed yet."""
        was_present, kept, old_sid = member.present, self.keeps_its_name(member), member.sid
        if was_present:
            self.lose(member, lost)
        sid = self.connect(member.program, named)
        if sid is None:
            assert kept
            assert self.may_have_a_gap(member)
            member.claim.contested = True
            self.scene.lose(member.sid)
            return
        if self.news(sid)[0][1]["resumed"]:
            counts = [payload["count"] for event, payload in self.news(sid) if event == "error"]
            assert sum(counts) == member.expired
            member.sid, member.away_until, member.written = sid, None, []
            member.notices = 0
            return
        assert self.may_have_a_gap(member)
        newcomer = Member(sid, member.program, member.program.name or sid)
        newcomer.expired = member.expired + len(member.held)
        assert old_sid == member.sid
        self.enter(newcomer, member, was_present)

    def enter(self, newcomer: Member, older: Member | None, was_present: bool) -> None:
        """A newcomer is in its room, in the place of `older`."""
        rejoined = older is not None and older.peer_id == newcomer.peer_id
        if older:
            if newcomer.program.name:
                newcomer.claim, newcomer.claim.contested = older.claim, False
                if was_present:
                    self.displaced[older.sid] = (older.claim, self.scene.now)
            self.forget(older, announced=not rejoined)
        others = self.others(newcomer)
        self.members.append(newcomer)
        for other in others:
            newcomer.missing += [held.number for held in other.held]
        delivered = len(newcomer.missing)
        gone_before = [older.peer_id] if older and not rejoined else []
        held_by = {other: len(other.held) for other in others}
        for other in others:
            other.notices += 1
            other.held = []
        gone_after = [one.peer_id for one in self.make_way() if one in others]
        for other in others:
            if other.present:
                events = ["peer_left"] * len(gone_before) + ["peer_joined"]
                news = self.news(other.sid)
                assert [event for event, _ in news] == [*events, *["peer_left"] * len(gone_after)]
                gone = [payload["peer_id"] for event, payload in news if event == "peer_left"]
                assert gone == gone_before + gone_after
                joined = news[len(gone_before)][1]
                assert joined["peer_id"] == newcomer.peer_id
                assert joined.get("rejoined", False) is rejoined
                assert joined.get("held", 0) == held_by[other]
        assert [event for event, _ in self.news(newcomer.sid)] == [
            "welcome",
            *["peer_joined" for _ in others],
            *["signal"] * delivered,
            *["error"] * (newcomer.expired > 0),
            *["peer_left" for _ in gone_after],
        ]

    def make_way(self) -> list[Member]:
        """Who is away longest goes where there are more peers than places."""
        gone: list[Member] = []
        while len(self.members) > self.places:
            away = [member for member in self.members if not member.present]
            if not away:
                break
            gone.append(min(away, key=lambda member: member.away_since))
            self.forget(gone[-1])
        return gone

    def lose(self, member: Member, lost: int) -> None:
        """A connection has ended, and what was written last did not arrive."""
        self.ghosts.append(member.sid)
        if not member.program.session:
            self.forget(member)
            return
        fresh = [item for item in member.written if item.at >= self.scene.now - HORIZON]
        member.lost = [item.number for item in fresh[max(0, len(fresh) - lost) :] if item.number]
        arrived = self.arrived.setdefault(member.program, [])
        kept = len(arrived) - len(member.lost)
        assert [number for _, number in arrived[kept:]] == member.lost
        del arrived[kept:]
        member.away_until = self.scene.now + WINDOW
        member.away_since = next(self.breaks)
        member.missing = [n for n in member.lost if self.sender(n) in self.members]
        member.kept = [
            i.number for i in fresh if i.number and self.sender(i.number) in self.members
        ]
        member.notices = 0

    def forget(self, member: Member, announced: bool = True) -> None:
        """A peer has left its room, and nobody waits for its signals."""
        self.members.remove(member)
        if member.present:
            self.ghosts.append(member.sid)
        for other in self.others(member):
            if not other.present:  # what a present one must get was written to it
                other.missing = [n for n in other.missing if self.sender(n) is not member]
            other.kept = [n for n in other.kept if self.sender(n) is not member]
            other.notices += announced

    # --- when the relay may say no ----------------------------------------------------------------

    def cannot_be_held(self, kept: list[Held], cost: int) -> bool:
        held = [self.costs[held.number - 1] for held in kept]
        return len(held) == MAX_HELD or sum(held) + cost > self.held_bytes or self.memory < AMPLE

    def cannot_wait(self, receiver: Member, cost: int) -> bool:
        kept = [self.costs[number - 1] for number in receiver.kept] + [OVERHEAD] * receiver.notices
        full = len(kept) >= MAX_KEPT or sum(kept) + cost > self.kept_bytes
        return not receiver.present and (full or self.memory < AMPLE)

    def may_have_a_gap(self, member: Member) -> bool:
        """Whether more did not arrive than the relay has room to keep."""
        lost = [self.costs[number - 1] for number in member.lost]
        return len(lost) > MAX_KEPT or sum(lost) > self.kept_bytes or self.memory < AMPLE

    # --- what everybody hears ---------------------------------------------------------------------

    @invariant()
    def everybody_hears_what_it_must(self) -> None:
        for member in self.members:
            for event, payload in self.news(member.sid):
                HEAR[event](self, member, payload)
            if member.present:
                assert member.missing == []
                assert member.expired == 0
                assert member.others == {other.peer_id for other in self.others(member)}
        members = {member.sid for member in self.members}
        for sid, news in self.scene.payloads.items():
            assert sid in members or [p["code"] for _, p in news] in (
                [],
                ["replaced"],
                ["unauthorized"],
            )
        self.scene.payloads.clear()

    def hear_welcome(self, member: Member, payload: dict[str, Any]) -> None:
        assert payload["peer_id"] == member.peer_id
        assert payload["room"] == member.program.room
        member.others = {other["peer_id"] for other in payload["peers"]}

    def hear_joined(self, member: Member, payload: dict[str, Any]) -> None:
        assert payload["polite"] is (member.peer_id < payload["peer_id"])
        member.others.add(payload["peer_id"])
        member.written.append(Written(self.scene.now))

    def hear_left(self, member: Member, payload: dict[str, Any]) -> None:
        member.others.discard(payload["peer_id"])
        member.written.append(Written(self.scene.now))

    def hear_error(self, member: Member, payload: dict[str, Any]) -> None:
        assert payload["code"] in ("expired", "hold-full")
        member.expired -= payload.get("count", 0)

    def hear_a_refusal(
        self,
        code: str,
        kept: list[Held],
        receivers: list[Member],
        to: str | None,
        cost: int,
    ) -> None:
        """A signal was refused: for a reason?"""
        if to and not receivers:
            assert code == "peer-not-found"
            return
        assert code == "hold-full"
        assert all(self.cannot_wait(receiver, cost) for receiver in receivers)
        assert receivers or self.cannot_be_held(kept, cost)

    def hear_signal(self, member: Member, payload: dict[str, Any]) -> None:
        number, sender = payload["data"]["number"], self.sender(payload["data"]["number"])
        assert payload["from"] == sender.peer_id
        assert sender.program.room == member.program.room
        assert member.missing[:1] == [number]
        del member.missing[0]
        member.written.append(Written(self.scene.now, number))
        if member.program.session:
            arrived = self.arrived.setdefault(member.program, [])
            assert payload["seq"] > (arrived[-1][0] if arrived else 0)
            assert number not in [earlier for _, earlier in arrived]
            arrived.append((payload["seq"], number))
        else:
            assert "seq" not in payload

    @invariant()
    def no_accepted_signal_vanishes_in_silence(self) -> None:
        for member in self.members:
            peer = self.scene.relay.rooms[member.program.room].peers[member.peer_id]
            entries = peer.replay._entries if peer.replay else ()
            kept = {_number(entry.signal) for entry in entries if isinstance(entry, KeptSignal)}
            # A gap: the session cannot resume, and so it hears that it is a new peer.
            gap = peer.replay is not None and not peer.replay.can_resume(self.seen(member.program))
            assert gap or kept.issuperset(member.missing)
            assert [_number(held.signal) for held in peer.hold._held or ()] == [
                held.number for held in member.held
            ]
            assert peer.untold == member.expired

    @invariant()
    def what_is_kept_is_bounded_and_paid_for(self) -> None:
        relay, used = self.scene.relay, 0
        for peer in [peer for room in relay.rooms.values() for peer in room.peers.values()]:
            held = [OVERHEAD + held.signal.size for held in peer.hold._held or ()]
            kept = [_cost(entry) for entry in peer.replay._entries] if peer.replay else []
            assert len(held) <= MAX_HELD
            assert len(kept) <= MAX_KEPT
            assert sum(held) <= self.held_bytes
            assert sum(kept) <= self.kept_bytes
            used += sum(held) + sum(kept)
        assert relay.budget.used == used <= self.memory

    def keeps_its_name(self, holder: Member) -> bool:
        claim, now = holder.claim, self.scene.now
        recent = [at for at in claim.takeovers if now - at < TAKEOVER_WINDOW]
        contested = claim.contested or len(recent) >= MAX_TAKEOVERS
        return holder.present and contested and self.pulse is Pulse.LIVES

    # --- looking around ---------------------------------------------------------------------------

    def connect(self, program: Program, named: str | None = None) -> str | None:
        """A program connects and says honestly what it saw; the sid, or None: name in use."""
        sid = next(self.sids)
        seen = self.seen(program)
        try:
            self.scene.join(
                sid,
                named or program.name,
                program.room,
                session=program.session,
                seen=seen,
                by_rule="rule 1" if named else None,
                holder=self.pulse,
                grant=grant_of(sid),
            )
        except Rejection as rejection:
            code = rejection.code
        else:
            return sid
        assert code == "name-in-use"
        return None

    def seen(self, program: Program) -> int:
        """The last number that a program saw."""
        arrived = self.arrived.get(program)
        return arrived[-1][0] if arrived else 0

    def news(self, sid: str) -> list[tuple[str, dict[str, Any]]]:
        """What was written to a connection in this step."""
        return self.scene.payloads[sid]

    def sender(self, number: int) -> Member:
        return self.senders[number - 1]

    def others(self, member: Member) -> list[Member]:
        room = member.program.room
        return [m for m in self.members if m is not member and m.program.room == room]

    def present(self) -> list[Member]:
        return [member for member in self.members if member.present]

    def alone(self) -> list[Member]:
        return [m for m in self.with_session() if m.present and not self.others(m)]

    def with_session(self) -> list[Member]:
        return [member for member in self.members if member.program.session]


HEAR = {
    "welcome": RelayModel.hear_welcome,
    "peer_joined": RelayModel.hear_joined,
    "peer_left": RelayModel.hear_left,
    "signal": RelayModel.hear_signal,
    "error": RelayModel.hear_error,
}


def grant_of(sid: str) -> Grant:
    return Grant(sid, "", "")


def _number(signal: Signal) -> int:
    number: int = json.loads(signal.body + "}")["data"]["number"]
    return number


def _cost(entry: KeptSignal | MissedEvent) -> int:
    return OVERHEAD + (entry.signal.size if isinstance(entry, KeptSignal) else 0)


TestRelayModel = RelayModel.TestCase
