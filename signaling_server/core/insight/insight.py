"""What goes on in each room, and why there is no video, from what the server sees and is told.

Insight observes the relay's facts. A relayed signal is only noted while it is relayed; `digest`
reads what is noted, so much at a time, when the server has time for it. No body is kept then.
Times are seconds on a monotonic clock.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import Any, Callable, NamedTuple

from signaling_server.core.histogram import Histogram
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.sdp import (
    Candidate,
    Description,
    parse_candidate,
    parse_description,
)
from signaling_server.core.protocol.events import (
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.rtc_report import ConnectionReport

DIGEST_SECONDS = 0.25
"""How long a noted signal may wait for `digest`."""
BREATH_SECONDS = 0.01
"""After how long `digest` may go on that stopped in the middle: signals pass in between."""
DIGEST_BYTES = 16_384
"""How much one `digest` reads, a signal counting READING bytes beside its own: 0.1 ms."""
READING = 4096
READ_BURST = 1024
READ_PER_SECOND = 50
"""Signals that are read of a flood: 20 calls are negotiated by a burst, none by a flood."""
ROOM_PENDING = 128
PENDING_BYTES = 524_288
LARGEST = 65536
"""Bytes of a signal that is read; of a larger one only its type counts."""
MAX_PAIRS = 1024
ROOM_PAIRS = 28
"""Of 8 peers each with each other."""
EVENTS = 100

HANDSHAKE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_UNREADABLE = Candidate("unreadable", "other")
_NOUNS = {"offer": "an offer", "answer": "an answer", "ice-candidate": "candidates"}


class Note(NamedTuple):
    """A line for people, the last time `at`; it came `times` times at about that time."""

    at: float
    room: str
    text: str
    times: int = 1


class Insight:
    """Observes facts with `note`; you must call `digest` within DIGEST_SECONDS while `pending`."""

    def __init__(self) -> None:
        self.handshakes = Histogram(HANDSHAKE_SECONDS)
        """Seconds from both being here to the first answer."""
        self._rooms: dict[str, ObservedRoom] = {}
        self._waiting: deque[ObservedRoom] = deque()
        """The rooms with pending signals, each once."""
        self._bytes = 0
        """Of all pending signals."""
        self._pace = TokenBucket(READ_PER_SECOND, READ_BURST, 0.0)
        self._pairs = 0
        self._events: deque[Note] = deque(maxlen=EVENTS)
        self._noters: dict[type, Callable[[Any, float], None]] = {
            PeerJoined: self._entered,
            PeerResumed: self._resumed,
            PeerReplaced: self._replaced,
            PeerAway: self._broke,
            PeerLeft: self._departed,
            HeldSignalsDelivered: self._released,
            HeldSignalsExpired: self._expired,
            RoomOverfull: self._crowded,
            Rejected: self._rejected,
        }

    @property
    def pending(self) -> bool:
        """Whether `digest` has something to do."""
        return bool(self._waiting)

    def note(self, fact: Fact, now: float) -> None:
        """Observe a fact."""
        if type(fact) is not SignalAccepted:
            self._note_other(fact, now)
            return
        room = self._rooms.get(fact.room)
        if room is None:
            return
        pending, size = room.pending, fact.signal.size
        if len(pending) >= ROOM_PENDING or self._bytes + size > PENDING_BYTES:
            room.unread += 1
            return
        if not pending:
            self._waiting.append(room)
        pending.append((now, fact))
        self._bytes += size

    def digest(self, now: float) -> bool:
        """Read noted signals, of each room one in turn, as many as may be at a time.

        True: there are more, and no reason to wait but that others want to work too.
        """
        left = DIGEST_BYTES
        while self._waiting and left > 0 and self._pace.take(now):
            room = self._waiting.popleft()
            left -= READING + self._read(room)
            if room.pending:
                self._waiting.append(room)
        return self.pending and left <= 0

    def report(self, room_name: str, peer_id: str, report: ConnectionReport, now: float) -> None:
        """Observe what a peer says of its RTCPeerConnection: of the one it negotiated last."""
        room = self._rooms.get(room_name)
        if room is None:
            return
        self._catch_up(room)
        pairs = [pair for pair in room.pairs.values() if peer_id in pair.sides]
        if pairs:
            max(pairs, key=lambda pair: pair.last_activity).reported(peer_id, report, now)
        self._tell(now, room_name, f"{peer_id} reports: {report.state}")

    def rooms(self, now: float) -> list[dict[str, Any]]:
        """All rooms, ready for JSON: see docs/protocol.md, /api/status."""
        lonely = {
            room.name: f"{peer_id} in room {room.name}"
            for room in self._rooms.values()
            if len(room.peers) == 1
            for peer_id in room.peers
        }
        # With more than two of them there is no telling who wants to meet whom.
        few = lonely if len(lonely) == 2 else {}
        return [
            room.as_json([text for name, text in few.items() if name != room.name], now)
            for room in self._rooms.values()
        ]

    def events(self, now: float, count: int = EVENTS) -> list[dict[str, Any]]:
        """The last events, newest first: {ago: seconds, room, text, times}."""
        newest = islice(reversed(self._events), count)
        return [
            {"ago": round(now - at, 1), "room": room, "text": text, "times": times}
            for at, room, text, times in newest
        ]

    # --- signals ----------------------------------------------------------------------------------

    def _catch_up(self, room: ObservedRoom) -> None:
        """Read all pending signals of a room: what follows must not come before them."""
        if room.pending:
            self._waiting.remove(room)
        while room.pending:
            self._read(room)

    def _read(self, room: ObservedRoom) -> int:
        """Read the oldest pending signal; returns its size."""
        at, fact = room.pending.popleft()
        signal = fact.signal
        self._bytes -= signal.size
        content = _content(signal)
        to = [signal.to] if signal.to else [other for other in room.peers if other != fact.sender]
        for other in to:
            self._pass(room, fact.sender, other, signal.type, content, at)
        sender = room.peers.get(fact.sender)
        if sender and not to:
            if signal.type == "offer":  # what is held of an older negotiation is dropped
                sender.held.clear()
            sender.held.append((signal.type, content))
        receiver = signal.to or ("all others" if to else "nobody yet")
        self._tell(at, room.name, f"{fact.sender} sent {_NOUNS[signal.type]} to {receiver}")
        return signal.size

    def _pass(
        self, room: ObservedRoom, sender: str, receiver: str, kind: str, content: Any, now: float
    ) -> None:
        pair = self._pair(room, sender, receiver)
        if pair is None:
            return
        if kind == "offer":
            pair.offered(sender, content, now)
        elif kind == "ice-candidate":
            pair.sent_candidate(sender, content, now)
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

    def _note_other(self, fact: Fact, now: float) -> None:
        noter = self._noters.get(type(fact))
        if noter is None:
            return
        room = self._rooms.get(fact.room)
        if room and type(fact) is not Rejected:  # of which a flood may come
            self._catch_up(room)
        noter(fact, now)

    def _tell(self, now: float, room: str, text: str) -> None:
        """Add an event; if it came just before, perhaps in turn with another, it counts there."""
        times = 1
        for event in islice(reversed(self._events), 3):
            if (event.room, event.text) == (room, text):
                times += event.times
                self._events.remove(event)
                break
        self._events.append(Note(now, room, text, times))

    def _peer(self, room_name: str, peer_id: str) -> ObservedPeer | None:
        room = self._rooms.get(room_name)
        return room.peers.get(peer_id) if room else None

    def _entered(self, fact: PeerJoined, now: float) -> None:
        room = self._rooms.setdefault(fact.room, ObservedRoom(fact.room))
        older = room.peers.pop(fact.peer_id, None)
        self._drop_pairs(room, fact.peer_id)
        others = list(room.peers.values())
        room.peers[fact.peer_id] = ObservedPeer(fact, older.contests if older else [], now)
        for other in others[:ROOM_PAIRS]:
            self._pair(room, other.peer_id, fact.peer_id)
            while other.held:
                self._pass(room, other.peer_id, fact.peer_id, *other.held.popleft(), now)
        verb = "rejoined" if fact.rejoined else "joined"
        text = f"{fact.peer_id} {verb} from {fact.address} over {fact.transport}"
        self._tell(now, fact.room, text)

    def _resumed(self, fact: PeerResumed, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.away = False
            peer.address, peer.transport = fact.address, fact.transport
            peer.contests.clear()  # it was one and the same program
        self._tell(now, fact.room, f"{fact.peer_id} is back from {fact.address}")

    def _replaced(self, fact: PeerReplaced, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.contest(Contest(now, (fact.address, fact.by_address)))
        text = f"a newer connection from {fact.by_address} replaces that of {fact.peer_id}"
        self._tell(now, fact.room, text)

    def _broke(self, fact: PeerAway, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            peer.away = True
        self._tell(now, fact.room, f"{fact.peer_id} lost its connection ({fact.reason})")

    def _departed(self, fact: PeerLeft, now: float) -> None:
        room = self._rooms.get(fact.room)
        if room is None:
            return
        self._drop_pairs(room, fact.peer_id)
        room.peers.pop(fact.peer_id, None)
        if not room.peers:
            del self._rooms[room.name]
        self._tell(now, fact.room, f"{fact.peer_id} left ({fact.reason})")

    def _released(self, fact: HeldSignalsDelivered, now: float) -> None:
        text = f"{fact.signals} held signals of {fact.sender} went to {fact.peer_id}"
        self._tell(now, fact.room, text)

    def _expired(self, fact: HeldSignalsExpired, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer:
            for _ in range(min(fact.signals, len(peer.held))):
                peer.held.popleft()
        text = f"{fact.signals} held signals of {fact.peer_id} expired: nobody joined in time"
        self._tell(now, fact.room, text)

    def _crowded(self, fact: RoomOverfull, now: float) -> None:
        room = self._rooms.get(fact.room)
        if room:
            room.expected = fact.expected
        text = f"{len(fact.peer_ids)} peers are here, {fact.expected} are expected"
        self._tell(now, fact.room, text)

    def _rejected(self, fact: Rejected, now: float) -> None:
        peer = self._peer(fact.room, fact.peer_id)
        if peer and fact.code == "name-in-use":
            peer.contest(Contest(now, (fact.address,), refused=True))
        who = fact.peer_id or f"a client at {fact.address}"
        self._tell(now, fact.room, f"{who} was refused: {fact.message} ({fact.code})")


def _content(signal: Signal) -> Any:
    """A Description; or of an ice-candidate a Candidate, None for the end of candidates."""
    data = _data(signal)
    if signal.type != "ice-candidate":
        sdp = data.get("sdp")
        if isinstance(sdp, dict):  # {sdp: {type, sdp}}
            sdp = sdp.get("sdp")
        return parse_description(sdp) if isinstance(sdp, str) else Description()
    candidate = data.get("candidate")
    if isinstance(candidate, dict):  # {candidate: {candidate, sdpMid}}
        candidate = candidate.get("candidate")
    if not candidate:
        return None
    return (isinstance(candidate, str) and parse_candidate(candidate)) or _UNREADABLE


def _data(signal: Signal) -> dict[str, Any]:
    """The `data` of a signal; empty if it has none or is too large to be read."""
    if signal.size > LARGEST:
        return {}
    # float() takes any number of digits in linear time; the numbers are of no interest here.
    data = json.loads(signal.body + "}", parse_int=float).get("data")
    return data if isinstance(data, dict) else {}
