"""The timeline of each room: what happened in the last hour.

Goal: "what happened at 14:03?" is answered on the page and in the shell, without the log. Joins and
losses matter most: a room's entries are bounded, and signals and reports are dropped before them.
Of signals, only offers and answers that insight reads are recorded, so nothing waits for it.

An entry tells whether the clock was set when it happened: a drone wakes up in 1970, and the log
then has another time for it than the clock of later.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Union

from signaling_server.core.insight import sentences
from signaling_server.core.insight.spans import AWAY, CALL, PRESENT, Spans, crowding
from signaling_server.core.protocol.auth import is_probe_room
from signaling_server.core.protocol.events import (
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    SignalAccepted,
)
from signaling_server.core.protocol.observer import Observer
from signaling_server.core.protocol.rtc_report import ConnectionReport

SECONDS = 3600.0
"""How far back it goes."""
ROOM_ENTRIES = 48
ALL_ENTRIES = 8192
"""Of all rooms: 4 MB."""
FORMER_ROOMS = 32
"""Rooms without a peer whose timeline is kept."""
REPEAT_SECONDS = 60.0
"""An entry that repeats one of so short a time ago is counted there."""
LASTING = frozenset(("joined", "resumed", "broke", "left"))
"""The kinds of entries that outlive all others."""
ENDS = ("disconnected", "failed", "closed")
"""The reported states in which a call is not established."""

Named = Union[PeerJoined, PeerResumed, PeerReplaced, NameContested, PeerAway, PeerLeft, Rejected]
"""The facts about a peer that are recorded, beside its signals."""


class Entry(NamedTuple):
    """`at` is the last time, of `times`; `kind` is a word of sentences.SAYINGS, or `call`."""

    at: float
    kind: str
    peer_id: str
    text: str
    clock_set: bool
    times: int = 1


class History:
    """What happened in one room, the oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.spans = Spans()
        self.omitted = 0
        """Entries that were dropped for want of room."""

    def add(self, entry: Entry) -> None:
        """Add the newest entry, or count it where it is a repetition."""
        for old in reversed(self.entries):
            if entry.at - old.at > REPEAT_SECONDS:
                break
            if old[1:5] == entry[1:5]:
                self.entries.remove(old)
                entry = entry._replace(times=old.times + 1)
                break
        self.entries.append(entry)
        if len(self.entries) > ROOM_ENTRIES:
            self.thin()

    def thin(self) -> None:
        """Drop the entry that tells the least."""
        passing = [entry for entry in self.entries if entry.kind not in LASTING]
        least = passing or self.entries
        self.entries.remove(least[crowding(least, lambda entry: entry.peer_id)])
        self.omitted += 1

    def forget(self, before: float) -> None:
        """Drop what is older than that."""
        self.entries = [entry for entry in self.entries if entry.at >= before]
        self.spans.forget(before)


class Timeline(Observer):
    """Records facts and reports, with the time at which they happened.

    `clock_set()` tells whether the system's clock is set now.
    """

    def __init__(self, clock_set: Callable[[], bool]) -> None:
        self._clock_set = clock_set
        self._rooms: dict[str, History] = {}
        """Those with a peer."""
        self._former: dict[str, History] = {}
        """Those without, the one that emptied first first."""
        self._entries = 0
        """Of all rooms."""
        super().__init__(
            {
                PeerJoined: self._joined,
                PeerResumed: self._resumed,
                PeerReplaced: self._add,
                NameContested: self._add,
                PeerAway: self._away,
                PeerLeft: self._left,
                Rejected: self._add,
            }
        )

    def report(self, room: str, peer_id: str, report: ConnectionReport, now: float) -> None:
        """Record what a peer says of its RTCPeerConnection."""
        history = self._rooms.get(room)
        if history is None or report.state not in ("connected", *ENDS):
            return
        other = getattr(report, "to", None) or _only_other(history.spans.here, peer_id)
        peers = tuple(sorted(filter(None, {peer_id, other})))
        if history.spans.call(peers, report.state == "connected", now):
            self._record(history, now, CALL, peer_id, sentences.reported(peer_id, report.state))

    def room(self, name: str, now: float) -> History:
        """What happened in a room within the last SECONDS; empty if nothing did."""
        history = self._rooms.get(name)
        return self._recent(history, now) if history else History()

    def former(self, now: float) -> dict[str, History]:
        """The rooms without a peer, the one that emptied last first."""
        for name in [*self._former]:
            if not self._recent(self._former[name], now).entries:
                del self._former[name]
        return dict(reversed([*self._former.items()]))

    # --- facts ------------------------------------------------------------------------------------

    def signalled(self, fact: SignalAccepted, now: float) -> None:
        """Record a signal that passed at `now`; it may come later than what happened since."""
        history = self._rooms.get(fact.room) or self._former.get(fact.room)
        if history and fact.signal.type != "ice-candidate":
            text = sentences.sentence(fact)
            self._record(history, now, fact.signal.type, fact.sender, text)

    def _joined(self, fact: PeerJoined, now: float) -> None:
        history = self._rooms.get(fact.room)
        if history is None:
            history = self._rooms[fact.room] = self._former.pop(fact.room, History())
        history.spans.be(fact.peer_id, PRESENT, now)
        self._add(fact, now)

    def _resumed(self, fact: PeerResumed, now: float) -> None:
        self._be(fact, PRESENT, now)

    def _away(self, fact: PeerAway, now: float) -> None:
        self._be(fact, AWAY, now)

    def _be(self, fact: PeerResumed | PeerAway, state: str, now: float) -> None:
        history = self._rooms.get(fact.room)
        if history:
            history.spans.be(fact.peer_id, state, now)
            self._add(fact, now)

    def _left(self, fact: PeerLeft, now: float) -> None:
        history = self._rooms.get(fact.room)
        if history is None:
            return
        history.spans.gone(fact.peer_id, now)
        self._add(fact, now)
        if not history.spans.here:
            self._emptied(fact.room)

    def _emptied(self, name: str) -> None:
        """Keep the timeline of a room without a peer, unless it was made for a test."""
        self._former[name] = self._rooms.pop(name)
        first = next(iter(self._former))
        if is_probe_room(name):
            self._drop(name)
        elif len(self._former) > FORMER_ROOMS:
            self._drop(first)

    def _drop(self, name: str) -> None:
        self._entries -= len(self._former.pop(name).entries)

    def _add(self, fact: Named, now: float) -> None:
        """Add a fact to the timeline of its room; a refused client makes no room known."""
        history = self._rooms.get(fact.room)
        if history:
            kind, text = sentences.SAYINGS[type(fact)].event, sentences.sentence(fact)
            self._record(history, now, kind, fact.peer_id, text)

    def _record(self, history: History, now: float, kind: str, peer_id: str, text: str) -> None:
        before = len(history.entries)
        history.add(Entry(now, kind, peer_id, text, self._clock_set()))
        self._entries += len(history.entries) - before
        if self._entries > ALL_ENTRIES:
            every = (*self._rooms.values(), *self._former.values())
            max(every, key=lambda each: len(each.entries)).thin()
            self._entries -= 1

    def _recent(self, history: History, now: float) -> History:
        before = len(history.entries)
        history.forget(now - SECONDS)
        self._entries += len(history.entries) - before
        return history


def _only_other(here: list[str], peer_id: str) -> str | None:
    """The peer that a report must be about, because no other is in the room."""
    others = [other for other in here if other != peer_id]
    return others[0] if len(others) == 1 else None
