"""What goes on in each room, and why there is no video, from what passes through the server.

Insight observes the relay's facts and the clients' reports. It keeps no body of a signal: the
backlog hands each to `_read` once, and only what sdp.py and negotiation.py extract is kept.
Times are seconds on a monotonic clock.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import NamedTuple

from signaling_server.core.histogram import Histogram
from signaling_server.core.insight import reading, sentences
from signaling_server.core.insight.backlog import Backlog
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.reports import RoomReport
from signaling_server.core.insight.sdp import Description
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
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.observer import Observer, Recorder
from signaling_server.core.protocol.rtc_report import ConnectionReport

MAX_PAIRS = 1024
ROOM_PAIRS = 28
"""Each two of 8 peers."""
NOTES = 100
REPEATS = 3
"""Notes at the end among which a repetition is looked for: two sides send candidates in turn."""

HANDSHAKE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Note(NamedTuple):
    """A line for people, the last time `at`; it came `times` times at about that time."""

    at: float
    room: str
    text: str
    times: int = 1


class Insight(Observer):
    """Records facts and reports; you must call `digest` within DIGEST_SECONDS while `pending`."""

    def __init__(self) -> None:
        self.handshakes = Histogram(HANDSHAKE_SECONDS)
        """Seconds from both being here to the first answer."""
        self._rooms: dict[str, ObservedRoom] = {}
        self._backlog = Backlog(self._read)
        self._pairs = 0
        """Of all rooms."""
        self._notes: deque[Note] = deque(maxlen=NOTES)
        super().__init__(
            {
                SignalAccepted: self._backlog.add,
                PeerJoined: self._in_order(self._joined),
                PeerResumed: self._in_order(self._resumed),
                PeerReplaced: self._in_order(self._note_fact),
                NameContested: self._in_order(self._contested),
                PeerAway: self._in_order(self._note_fact),
                PeerLeft: self._in_order(self._left),
                HeldSignalsDelivered: self._in_order(self._note_fact),
                HeldSignalsExpired: self._in_order(self._expired),
                HeldSignalsReplaced: self._in_order(self._note_fact),
                RoomOverfull: self._in_order(self._overfull),
                # Not in order: a flood of bad signals must not make the good ones be read at once.
                Rejected: self._rejected,
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
        if room is None:
            return
        pairs = [pair for pair in room.pairs.values() if peer_id in pair.sides]
        if pairs:
            max(pairs, key=lambda pair: pair.last_activity).reported(peer_id, report, now)
        self._note(now, room_name, sentences.reported(peer_id, report.state))

    def rooms(self, now: float) -> list[RoomReport]:
        """All rooms as they are now."""
        lonely = {
            room.name: f"{peer_id} in room {room.name}"
            for room in self._rooms.values()
            if len(room.peers) == 1
            for peer_id in room.peers
        }
        # With more than two of them nobody can tell who wants to meet whom.
        few = lonely if len(lonely) == 2 else {}
        return [
            room.report([text for name, text in few.items() if name != room.name], now)
            for room in self._rooms.values()
        ]

    def notes(self) -> list[Note]:
        """The last lines for people, newest first."""
        return list(reversed(self._notes))

    # --- signals ----------------------------------------------------------------------------------

    def _read(self, fact: SignalAccepted, now: float) -> None:
        """Read a signal that passed at `now`."""
        room = self._rooms.get(fact.room)
        if room is None:
            return
        signal = fact.signal
        content = reading.read(signal)
        to = [signal.to] if signal.to else [other for other in room.peers if other != fact.sender]
        for other in to if len(to) < ROOM_PAIRS else self._watched(room, fact.sender, to):
            self._pass(room, fact.sender, other, signal.type, content, now)
        sender = room.peers.get(fact.sender)
        if sender and not to:
            sender.hold(signal.type, content)
        self._note_fact(fact, now)

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
                since = max(peer.since for peer in here)
                pair = room.pairs[key] = Pair(here[0].peer_id, here[1].peer_id, since)
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
        self._note(now, fact.room, sentences.sentence(fact))

    def _note(self, at: float, room: str, text: str) -> None:
        """Add a line for people; one that came just before in its room is counted, not repeated.

        Rooms are read in turns, so a line may be older than the last ones: it goes to its place.
        """
        times = 1
        recent = (note for note in reversed(self._notes) if note.room == room)
        for note in islice(recent, REPEATS):
            if note.text == text:
                times += note.times
                self._notes.remove(note)
                break
        later = 0
        while later < len(self._notes) and self._notes[-1 - later].at > at:
            later += 1
        if len(self._notes) == NOTES:
            self._notes.popleft()
        self._notes.insert(max(0, len(self._notes) - later), Note(at, room, text, times))

    def _peer(self, room_name: str, peer_id: str) -> ObservedPeer | None:
        room = self._rooms.get(room_name)
        return room.peers.get(peer_id) if room else None

    def _joined(self, fact: PeerJoined, now: float) -> None:
        room = self._rooms.setdefault(fact.room, ObservedRoom(fact.room))
        older = room.peers.pop(fact.peer_id, None)
        self._drop_pairs(room, fact.peer_id)
        others = list(room.peers.values())
        room.peers[fact.peer_id] = ObservedPeer(fact, older.contests if older else [], now)
        for other in others[:ROOM_PAIRS]:
            self._pair(room, other.peer_id, fact.peer_id)
            for held in other.release():
                self._pass(room, other.peer_id, fact.peer_id, *held, now)
        self._note_fact(fact, now)

    def _resumed(self, fact: PeerResumed, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.address = fact.address
            peer.contests.clear()  # it was one and the same program
        self._note_fact(fact, now)

    def _contested(self, fact: NameContested, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.contest(Contest(now, (fact.address, fact.by_address)))
        self._note_fact(fact, now)

    def _left(self, fact: PeerLeft, now: float) -> None:
        room = self._rooms.get(fact.room)
        if room:
            self._drop_pairs(room, fact.peer_id)
            room.peers.pop(fact.peer_id, None)
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
        self._note_fact(fact, now)
