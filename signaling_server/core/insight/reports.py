"""What insight knows of a room, as values. Times are on the monotonic clock of the facts."""

from __future__ import annotations

from collections import Counter
from typing import Iterator, Mapping, NamedTuple, Sequence

from signaling_server.core.insight.diagnosis import Finding, diagnose, state_of
from signaling_server.core.insight.negotiation import Pair, Side


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


class PairReport(NamedTuple):
    """What happened between two peers, and what is wrong."""

    peers: Sequence[str]
    state: str
    stages: Sequence[Stage]
    last_activity: float
    diagnosis: Sequence[Finding]


class RoomReport(NamedTuple):
    """A room: its peers with the time since which they are here, and its pairs."""

    name: str
    peers: Mapping[str, float]
    pairs: Sequence[PairReport]
    diagnosis: Sequence[Finding]


def report_pair(pair: Pair, somebody_calls: bool, now: float) -> PairReport:
    """`somebody_calls`: somebody in the room has made an offer, so these two need not."""
    findings = diagnose(pair, now)
    if somebody_calls:
        findings = [finding for finding in findings if finding.code != "no-offer"]
    return PairReport(
        peers=list(pair.sides),
        state=state_of(pair, findings),
        stages=list(_stages(pair)),
        last_activity=pair.last_activity,
        diagnosis=findings,
    )


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
    kinds = Counter(candidate.label for candidate in side.candidates)
    return CandidatesSent(side.candidate_count, kinds, last, side.complete)


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
