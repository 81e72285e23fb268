"""What insight knows of a room, as values. Times are on the monotonic clock of the facts."""

from __future__ import annotations

from collections import Counter
from typing import Iterator, Mapping, NamedTuple, Sequence

from signaling_server.core.insight.call_path import path_of
from signaling_server.core.insight.diagnosis import diagnose, state_of
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.last_seen import LastSeen
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.side import Side


class CandidatesSent(NamedTuple):
    """The candidates of one side."""

    total: int
    kinds: Mapping[str, int]
    """How many of each, such as {"host private": 2}."""
    last: float
    """When the newest passed."""
    complete: bool
    """The peer said that no more will come."""


class Connected(NamedTuple):
    """What the peers report of their RTCPeerConnection, by peer_id."""

    reports: Mapping[str, str]
    candidate_pairs: Mapping[str, Mapping[str, Mapping[str, str]]]


class Stage(NamedTuple):
    """A step of a negotiation that has happened."""

    name: str
    """both-here, offer, answer, candidates or connected."""
    at: float
    by: str = ""
    """A peer_id; empty: it is of both."""
    details: CandidatesSent | Connected | None = None


class Measured(NamedTuple):
    """What a peer has measured of its call."""

    stats: Mapping[str, float]
    at: float


class PairReport(NamedTuple):
    """What happened between two peers, and what is wrong."""

    peers: Sequence[str]
    state: str
    stages: Sequence[Stage]
    last_activity: float
    diagnosis: Sequence[Finding]
    path: str | None = None
    candidate_kinds: Mapping[str, Mapping[str, int]] = {}
    """By peer_id."""
    stats: Mapping[str, Measured] = {}
    """By peer_id, of those who report them."""
    first_frame: float | None = None
    """Seconds from both being here to the first frame."""


class PeerCounts(NamedTuple):
    """What came from a peer since it joined."""

    since: float
    signals: int = 0
    refused: int = 0


class RoomReport(NamedTuple):
    """A room: its peers with the time since which they are here, and its pairs."""

    name: str
    peers: Mapping[str, PeerCounts]
    pairs: Sequence[PairReport]
    diagnosis: Sequence[Finding]
    last_seen: Sequence[LastSeen] = ()


_CONSEQUENCES = ("no-offer", "no-answer")
"""Findings that need no further cause if the signals of a peer were refused."""


def report_pair(
    pair: Pair, somebody_calls: bool, now: float, refused: Mapping[str, Finding] | None = None
) -> PairReport:
    """`somebody_calls`: somebody in the room has made an offer, so these two need not.

    `refused`: by peer_id, whose signals were refused lately: that explains what is missing.
    """
    findings = diagnose(pair, now)
    if somebody_calls:
        findings = [finding for finding in findings if finding.code != "no-offer"]
    findings = [_cause(pair, finding, refused or {}) for finding in findings]
    return PairReport(
        peers=list(pair.sides),
        state=state_of(pair, findings),
        stages=list(_stages(pair)) if pair.is_call else [],
        last_activity=pair.last_activity,
        diagnosis=findings,
        path=path_of(pair),
        candidate_kinds={side.peer_id: _kinds(side) for side in pair.sides.values()},
        stats=dict(_measured(pair)),
        first_frame=pair.first_frame,
    )


def _cause(pair: Pair, finding: Finding, refused: Mapping[str, Finding]) -> Finding:
    if finding.code not in _CONSEQUENCES:
        return finding
    suspects = [finding.side] if finding.side else list(pair.sides)
    causes = [refused[peer_id] for peer_id in suspects if peer_id in refused]
    return causes[0]._replace(stalls=True) if causes else finding


def _stages(pair: Pair) -> Iterator[Stage]:
    """Those that have happened, in their order."""
    yield Stage("both-here", pair.since)
    if pair.offered_at is not None:
        yield Stage("offer", pair.offered_at, pair.offerer)
    if pair.answered_at is not None:
        yield Stage("answer", pair.answered_at, pair.other(pair.offerer).peer_id)
    for side in pair.sides.values():
        if side.first_candidate is not None and side.last_candidate is not None:
            details = _candidates(side, side.last_candidate)
            yield Stage("candidates", side.first_candidate, side.peer_id, details)
    if pair.connected and pair.connected_at is not None:
        yield Stage("connected", pair.connected_at, details=_connected(pair))


def _candidates(side: Side, last: float) -> CandidatesSent:
    return CandidatesSent(side.candidate_count, _kinds(side), last, side.complete)


def _kinds(side: Side) -> Mapping[str, int]:
    return Counter(candidate.label for candidate in side.candidates)


def _measured(pair: Pair) -> Iterator[tuple[str, Measured]]:
    for side in pair.sides.values():
        if side.frames.stats_at is not None:
            yield side.peer_id, Measured(side.frames.stats, side.frames.stats_at)


def _connected(pair: Pair) -> Connected:
    reports = {side.peer_id: side.report for side in pair.sides.values() if side.report}
    return Connected(
        reports={peer_id: report.state for peer_id, report in reports.items()},
        candidate_pairs={
            peer_id: report.candidate_pair
            for peer_id, report in reports.items()
            if report.candidate_pair
        },
    )
