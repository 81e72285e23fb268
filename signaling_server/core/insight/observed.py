"""A room as insight sees it: its peers, their negotiations, and all of that as JSON for people."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple

from signaling_server.core.insight.diagnosis import Finding, diagnose, state_of
from signaling_server.core.insight.negotiation import Pair, Side
from signaling_server.core.protocol.claims import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined, SignalAccepted

MAX_HELD = 64
"""Signals held for a newcomer that are remembered."""
_ORDINALS = {3: "A third peer", 4: "A fourth peer"}


class Contest(NamedTuple):
    """A connection took a peer's name, or was refused it; and where both came from, if known."""

    at: float
    addresses: tuple[str, ...]
    refused: bool = False


class ObservedPeer:
    """A peer that is in the room, perhaps without a connection at the moment."""

    __slots__ = ("address", "away", "contests", "held", "peer_id", "since", "transport")

    def __init__(self, fact: PeerJoined, contests: list[Contest], now: float) -> None:
        self.peer_id = fact.peer_id
        self.address = fact.address
        self.transport = fact.transport
        self.since = now
        self.away = False
        self.contests = contests
        """Of the last TAKEOVER_WINDOW seconds."""
        self.held: deque[tuple[str, Any]] = deque(maxlen=MAX_HELD)
        """What it said while it was alone: (type, content)."""

    def contest(self, contest: Contest) -> None:
        """Somebody else uses its name."""
        recent = [each for each in self.contests if contest.at - each.at < TAKEOVER_WINDOW]
        self.contests = [*recent, contest][-MAX_TAKEOVERS:]

    def as_json(self, now: float) -> dict[str, Any]:
        """{peer_id, address, transport, away, connected_for: seconds}"""
        return {
            "peer_id": self.peer_id,
            "address": self.address,
            "transport": self.transport,
            "away": self.away,
            "connected_for": round(now - self.since, 1),
        }


class ObservedRoom:
    """The peers, oldest first, and the pairs of a room."""

    __slots__ = ("expected", "name", "pairs", "peers", "pending", "unread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.peers: dict[str, ObservedPeer] = {}
        self.pairs: dict[frozenset[str], Pair] = {}
        self.pending: deque[tuple[float, SignalAccepted]] = deque()
        """Signals that were noted and not yet read."""
        self.unread = 0
        """Signals that never will be: more came than is read."""
        self.expected: int | None = None
        """How many peers are not too many, if that was exceeded once."""

    def as_json(self, elsewhere: list[str], now: float) -> dict[str, Any]:
        """{room, peers, pairs, diagnosis, unread}; `elsewhere`: see `_alone`."""
        # Of three peers not every two want to call each other.
        somebody_calls = any(pair.offered_at is not None for pair in self.pairs.values())
        findings = [*self._alone(elsewhere), *self._crowded(), *self._names(now)]
        return {
            "room": self.name,
            "peers": [peer.as_json(now) for peer in self.peers.values()],
            "pairs": [_pair(pair, somebody_calls, now) for pair in self.pairs.values()],
            "diagnosis": [_finding(finding) for finding in findings],
            "unread": self.unread,
        }

    def _alone(self, elsewhere: list[str]) -> list[Finding]:
        """`elsewhere`: who is alone in another room, such as "gcom in room drone-2"."""
        if len(self.peers) != 1:
            return []
        (peer_id,) = self.peers
        text = f"{peer_id} is alone in room {self.name}: nobody else has joined it."
        if len(elsewhere) == 1:
            text = f"{peer_id} is alone in room {self.name}, and so is {elsewhere[0]}."
        return [Finding("alone", text, (peer_id,))]

    def _crowded(self) -> list[Finding]:
        count = len(self.peers)
        if self.expected is None or count <= self.expected:
            return []
        newest = list(self.peers)[-1]
        which = _ORDINALS.get(count, f"Peer number {count}")
        text = f"{which} joined, {newest}: today's Streaming Node drops its call then."
        return [Finding("crowded", text, (newest,))]

    def _names(self, now: float) -> list[Finding]:
        findings = []
        for peer in self.peers.values():
            recent = [each for each in peer.contests if now - each.at < TAKEOVER_WINDOW]
            if len(recent) >= MAX_TAKEOVERS or any(each.refused for each in recent):
                addresses = {peer.address, *(one for each in recent for one in each.addresses)}
                text = f"Two machines use the name {peer.peer_id}: {_all(addresses)}."
                if len(addresses) == 1:
                    text = f"Two programs at {peer.address} use the name {peer.peer_id}."
                findings.append(Finding("name-in-use", text, (peer.peer_id,)))
        return findings


def _all(words: set[str]) -> str:
    return " and ".join(sorted(words))


def _finding(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "text": finding.text, "peers": list(finding.peers)}


def _pair(pair: Pair, somebody_calls: bool, now: float) -> dict[str, Any]:
    """{peers, state, stages, last_activity, diagnosis}; times in seconds."""
    findings = diagnose(pair, now)
    if somebody_calls:
        findings = [finding for finding in findings if finding.code != "no-offer"]
    return {
        "peers": list(pair.sides),
        "state": state_of(pair, findings),
        "stages": _stages(pair, now),
        "last_activity": round(now - pair.last_activity, 1),
        "diagnosis": [_finding(finding) for finding in findings],
    }


def _stages(pair: Pair, now: float) -> list[dict[str, Any]]:
    """The stages in order, also those to come: {stage, by, after, ago, ...}.

    `after` is the seconds since both are here, `ago` those since then; None: it has not come.
    """

    def stage(name: str, at: float | None, by: str = "", **more: Any) -> dict[str, Any]:
        after = None if at is None else round(at - pair.since, 3)
        ago = None if at is None else round(now - at, 1)
        return {"stage": name, "by": by, "after": after, "ago": ago, **more}

    def candidates(side: Side) -> dict[str, Any]:
        return stage(
            "candidates",
            side.first_candidate,
            side.peer_id,
            count=side.candidate_count,
            kinds=dict(Counter(candidate.label for candidate in side.candidates)),
            last_ago=None if side.last_candidate is None else round(now - side.last_candidate, 1),
            complete=side.complete,
        )

    answerer = pair.other(pair.offerer).peer_id if pair.offerer else ""
    reports = {side.peer_id: side.report for side in pair.sides.values() if side.report}
    return [
        stage("both-here", pair.since),
        stage("offer", pair.offered_at, pair.offerer),
        stage("answer", pair.answered_at, answerer),
        *map(candidates, pair.sides.values()),
        stage(
            "connected",
            pair.connected_at if pair.connected else None,
            reports={peer_id: report.state for peer_id, report in reports.items()},
            candidate_pairs={
                peer_id: report.candidate_pair
                for peer_id, report in reports.items()
                if report.candidate_pair
            },
        ),
    ]
