"""One peer of a pair: who it is, and what it sent to the other."""

from __future__ import annotations

from typing import NamedTuple

from signaling_server.core.insight.frame_watch import FrameWatch
from signaling_server.core.insight.roles import UNKNOWN
from signaling_server.core.insight.sdp import MAX_CANDIDATES, Candidate, Description
from signaling_server.core.protocol.rtc_report import ConnectionReport

RESTART_WINDOW = 60.0
"""Seconds within which ICE restarts are counted."""
LOST = ("disconnected", "failed", "closed")
"""Reports of a connection that is no longer established."""
MAX_RESTARTS = 32


class SentDescription(NamedTuple):
    """A description, and when it passed."""

    description: Description
    at: float
    kind: str = "offer"


class Side:
    """What one peer of a pair sent to the other."""

    __slots__ = (
        "address",
        "away",
        "candidate_count",
        "candidates",
        "complete",
        "first_candidate",
        "frames",
        "kind",
        "last_candidate",
        "newest",
        "open_offers",
        "peer_id",
        "report",
        "reported_at",
        "restarts",
    )

    def __init__(self, peer_id: str, kind: str = UNKNOWN, address: str = "") -> None:
        self.peer_id = peer_id
        self.kind = kind
        """Of roles.py."""
        self.address = address
        """From where it reaches the server; empty: not known."""
        self.away = False
        """It has no connection at the moment, and may come back."""
        self.newest: SentDescription | None = None
        """Its newest offer or answer."""
        self.open_offers: list[SentDescription] = []
        """Its unanswered offers, oldest first."""
        self.candidates: list[Candidate] = []
        """Of this ICE session; only the first MAX_CANDIDATES."""
        self.candidate_count = 0
        self.first_candidate: float | None = None
        self.last_candidate: float | None = None
        self.complete = False
        """It has said that no more candidates will come."""
        self.restarts: list[float] = []
        """When its ICE session changed recently."""
        self.report: ConnectionReport | None = None
        self.reported_at: float | None = None
        self.frames = FrameWatch()

    @property
    def state(self) -> str:
        """What it last reported; empty if nothing."""
        return self.report.state if self.report else ""

    def describe(self, kind: str, description: Description, now: float) -> bool:
        """Record an offer or answer; in a new ICE session the older candidates do not count.

        Returns whether it begins a new ICE session.
        """
        old = self.newest.description.ufrags if self.newest else frozenset()
        self.newest = SentDescription(description, now, kind)
        begins = not old & description.ufrags
        if begins:
            self._begin(old, description, now)
        for candidate in description.candidates:
            self.add_candidate(candidate, now)
        self.complete = self.complete or description.complete
        return begins

    def _begin(self, old: frozenset[str], description: Description, now: float) -> None:
        # Candidates may come before their description: they count for it, unless their ufrag
        # says otherwise.
        kept = [
            candidate
            for candidate in self.candidates
            if candidate.ufrag in description.ufrags or not (old or candidate.ufrag)
        ]
        self.candidates, self.candidate_count = [], 0
        self.first_candidate = self.last_candidate = None
        self.complete = False
        for candidate in kept:
            self.add_candidate(candidate, now)
        if old and description.ufrags:
            recent = [at for at in self.restarts if now - at < RESTART_WINDOW]
            self.restarts = [*recent, now][-MAX_RESTARTS:]
            if self.state in LOST:
                self.report = None

    def add_candidate(self, candidate: Candidate, now: float) -> None:
        """Record a candidate."""
        self.candidate_count += 1
        if self.first_candidate is None:
            self.first_candidate = now
        self.last_candidate = now
        if len(self.candidates) < MAX_CANDIDATES:
            self.candidates.append(candidate)
