"""What goes on in each room, and why there is no video, from what passes through the server.

Insight observes the relay's facts and the clients' reports. It keeps no body of a signal: the
backlog hands each to `_read` once, and only what sdp.py and negotiation.py extract is kept.
Times are seconds on a monotonic clock.
"""

from __future__ import annotations

from functools import partial

from signaling_server.core.histogram import Histogram
from signaling_server.core.insight import reading, sentences
from signaling_server.core.insight.backlog import Backlog
from signaling_server.core.insight.memories import Memories
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.notes import Note, Notes
from signaling_server.core.insight.observed import Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.picture import OtherHosts, Picture, newest_lone, take_picture
from signaling_server.core.insight.refused_clients import RefusedClients
from signaling_server.core.insight.sdp import Description
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.events import (
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Refused,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.observer import Observer, Recorder
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.protocol.scope import ALL, Scope

NO_CALL = ("new", "closed")
"""With these states, a report that is about no call says that the client has none."""
MAX_PAIRS = 1024
ROOM_PAIRS = 28
"""Each two of 8 peers."""

HANDSHAKE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
FIRST_FRAME_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)


class Insight(Observer):
    """Records facts and reports; you must call `digest` within DIGEST_SECONDS while `pending`."""

    def __init__(self, started_at: float = float("-inf")) -> None:
        """`started_at`: when the server started, on the clock of the facts."""
        self.handshakes = Histogram(HANDSHAKE_SECONDS)
        """Seconds from both being here to the first answer."""
        self.first_frames = Histogram(FIRST_FRAME_SECONDS)
        """Seconds from both being here to the first frame, where a receiver reports it."""
        self._memories = Memories(started_at)
        self._refused = RefusedClients()
        self._rooms: dict[str, ObservedRoom] = {}
        self._backlog = Backlog(self._read)
        self.on_signal: Recorder = lambda fact, now: None
        """Called with each signal that is read, and when it passed."""
        self.other_hosts: OtherHosts = tuple
        self._pairs = 0
        """Of all rooms."""
        self._notes = Notes()
        super().__init__(
            {
                SignalAccepted: self._backlog.add,
                PeerJoined: self._in_order(self._joined),
                PeerResumed: self._in_order(self._resumed),
                PeerReplaced: self._in_order(self._note_fact),
                NameContested: self._in_order(self._contested),
                PeerAway: self._in_order(self._away),
                PeerLeft: self._in_order(self._left),
                HeldSignalsDelivered: self._in_order(self._note_fact),
                HeldSignalsExpired: self._in_order(self._expired),
                HeldSignalsReplaced: self._in_order(self._note_fact),
                RoomOverfull: self._in_order(self._overfull),
                # Not in order: a flood of bad signals must not make the good ones be read at once.
                Rejected: self._rejected,
                Refused: self._refused.refused,
            }
        )

    @property
    def pending(self) -> bool:
        """Whether `digest` has something to do."""
        return self._backlog.pending

    def digest(self, now: float) -> bool:
        """Read signals that have passed; see Backlog.digest."""
        return self._backlog.digest(now)

    def report(self, room_name: str, peer_id: str, report: ConnectionReport, now: float) -> None:
        """Record what a peer says of its RTCPeerConnection: of the one it negotiated last."""
        act = partial(self._reported, room_name, peer_id, report, now)
        self._backlog.after(room_name, act, now)

    def _reported(self, room_name: str, peer_id: str, report: ConnectionReport, now: float) -> None:
        room = self._rooms.get(room_name)
        if room is None or peer_id not in room.peers:
            return
        pair = self._reported_pair(room, peer_id, report)
        if pair:
            seconds = pair.reported(peer_id, report, now)
            if seconds is not None:
                self.first_frames.observe(seconds)
        elif report.to:
            room.memory.reported(peer_id, report, now)
        elif report.state in NO_CALL:
            room.has_no_call(peer_id)
        self._notes.add(now, room_name, sentences.reported(peer_id, report.state, report.to))

    def _reported_pair(
        self, room: ObservedRoom, peer_id: str, report: ConnectionReport
    ) -> Pair | None:
        """The pair that a report is about: with the peer that it names, or of its last call."""
        if report.to:
            return self._pair(room, peer_id, report.to)
        pairs = [pair for pair in room.pairs.values() if peer_id in pair.sides]
        calls = [pair for pair in pairs if pair.offered_at is not None]
        return max(calls, key=lambda pair: pair.last_activity, default=None)

    def picture(self, now: float, scope: Scope = ALL) -> Picture:
        """The rooms of `scope` as they are now, and the worst that is wrong."""
        return take_picture(self._rooms, self._refused, now, scope, self.other_hosts())

    def lone(self, now: float, most: int) -> list[LonePeer]:
        """See newest_lone."""
        return newest_lone(self._rooms, now, most)

    def notes(self) -> list[Note]:
        """The last lines for people, newest first."""
        return self._notes.newest_first()

    # --- signals ----------------------------------------------------------------------------------

    def _read(self, fact: SignalAccepted, now: float) -> None:
        """Read a signal that passed at `now`."""
        room = self._rooms.get(fact.room)
        if room is None:
            return
        signal = fact.signal
        content = reading.read(signal)
        sender = room.peers.get(fact.sender)
        if sender:
            sender.signals += 1
        to = [signal.to] if signal.to else [other for other in room.peers if other != fact.sender]
        for other in to if len(to) < ROOM_PAIRS else self._watched(room, fact.sender, to):
            self._pass(room, fact.sender, other, signal.type, content, now)
        if sender and not to:
            sender.hold(signal.type, content)
        self._note_fact(fact, now)
        self.on_signal(fact, now)

    def _watched(self, room: ObservedRoom, sender: str, to: list[str]) -> list[str]:
        """Those of many receivers whose pair with the sender is observed, or still can be."""
        if len(room.pairs) < ROOM_PAIRS:
            return to[:ROOM_PAIRS]
        return [other for pair in room.pairs if sender in pair for other in pair - {sender}]

    def _pass(
        self,
        room: ObservedRoom,
        sender: str,
        receiver: str,
        kind: str,
        content: reading.Content,
        now: float,
    ) -> None:
        pair = self._pair(room, sender, receiver)
        if pair is None:
            return
        if not isinstance(content, Description):
            pair.sent_candidate(sender, content, now)
        elif kind == "offer":
            pair.offered(sender, content, now)
        else:
            seconds = pair.answered(sender, content, now)
            if seconds is not None:
                self.handshakes.observe(seconds)

    def _pair(self, room: ObservedRoom, one: str, other: str) -> Pair | None:
        """What passed between two peers; None if there are too many, or one is not here."""
        key = frozenset((one, other))
        pair = room.pairs.get(key)
        if pair is None and len(room.pairs) < ROOM_PAIRS and self._pairs < MAX_PAIRS:
            here = [peer for peer in room.peers.values() if peer.peer_id in key]
            if len(here) == 2:
                pair = room.make_pair(*here)
                self._pairs += 1
        return pair

    def _drop_pairs(self, room: ObservedRoom, peer_id: str) -> None:
        for key in [key for key in room.pairs if peer_id in key]:
            del room.pairs[key]
            self._pairs -= 1

    # --- other facts ------------------------------------------------------------------------------

    def _in_order(self, record: Recorder) -> Recorder:
        """Record a fact after all signals of its room that passed before it."""

        def recorder(fact: Fact, now: float) -> None:
            self._backlog.after(fact.room, partial(record, fact, now), now)

        return recorder

    def _note_fact(self, fact: Fact, now: float) -> None:
        self._notes.add(now, fact.room, sentences.sentence(fact))

    def _peer(self, room_name: str, peer_id: str) -> ObservedPeer | None:
        room = self._rooms.get(room_name)
        return room.peers.get(peer_id) if room else None

    def _joined(self, fact: PeerJoined, now: float) -> None:
        room = self._rooms.get(fact.room)
        if room is None:
            room = ObservedRoom(fact.room, self._memories.of(fact.room, now))
            self._rooms[fact.room] = room
        older = room.peers.get(fact.peer_id)
        if older:
            room.ended(older, "replaced", now)
            del room.peers[fact.peer_id]
        self._drop_pairs(room, fact.peer_id)
        others = list(room.peers.values())
        peer = ObservedPeer(fact, older.contests if older else [], now)
        peer.left_before = room.memory.same_run(peer.who, fact.session)
        peer.returned = peer.left_before is not None or self._memories.old_run(fact, now)
        room.peers[fact.peer_id] = peer
        for other in others[:ROOM_PAIRS]:
            self._pair(room, other.peer_id, fact.peer_id)
            for held in other.release():
                self._pass(room, other.peer_id, fact.peer_id, *held, now)
        self._note_fact(fact, now)

    def _resumed(self, fact: PeerResumed, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.sid, peer.address = fact.sid, fact.address
            peer.away_since, peer.reason = None, ""
            peer.contests.clear()  # it was one and the same program
            for side in self._rooms[fact.room].sides_of(fact.peer_id):
                side.address, side.away = fact.address, False
        self._note_fact(fact, now)

    def _away(self, fact: PeerAway, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.away_since, peer.reason = now, fact.reason
            for side in self._rooms[fact.room].sides_of(fact.peer_id):
                side.away = True
        self._note_fact(fact, now)

    def _contested(self, fact: NameContested, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.contest(Contest(now, (fact.address, fact.by_address)))
        self._note_fact(fact, now)

    def _left(self, fact: PeerLeft, now: float) -> None:
        room = self._rooms.get(fact.room)
        peer = room.peers.pop(fact.peer_id, None) if room else None
        if room and peer:
            room.ended(peer, fact.reason, now)
            self._drop_pairs(room, fact.peer_id)
            self._memories.keep(room.name, room.memory)
            if not room.peers:
                del self._rooms[room.name]
        self._note_fact(fact, now)

    def _expired(self, fact: HeldSignalsExpired, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.release(fact.signals)
        self._note_fact(fact, now)

    def _overfull(self, fact: RoomOverfull, now: float) -> None:
        room = self._rooms.get(fact.room)
        if room:
            room.expected = fact.expected
        self._note_fact(fact, now)

    def _rejected(self, fact: Rejected, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer and fact.code == "name-in-use":
            peer.contest(Contest(now, (fact.address,), refused=True))
        elif peer and fact.sid == peer.sid:
            peer.refused += 1
        self._refused.rejected(fact, now)
        self._note_fact(fact, now)
