"""What two peers sent to each other, as far as signaling shows it: offers, answers, candidates.

A Pair hears what passed, in order (`offered`, `answered`, `sent_candidate`, `reported`), each with
its time in seconds on a monotonic clock. W3C WebRTC 4.3 (signaling states), RFC 8829 (JSEP).
"""

from __future__ import annotations

from typing import NamedTuple

from signaling_server.core.insight.sdp import MAX_CANDIDATES, Candidate, Description
from signaling_server.core.protocol.rtc_report import ConnectionReport

RESTART_WINDOW = 60.0
"""Seconds within which ICE restarts are counted."""
LOST = ("disconnected", "failed", "closed")
"""Reports of a connection that is no longer established."""
MAX_OPEN = 4
"""Unanswered offers of a peer that are remembered."""
MAX_RESTARTS = 32


class SentDescription(NamedTuple):
    """A description, and when it passed."""

    description: Description
    at: float


class Side:
    """What one peer of a pair sent to the other."""

    __slots__ = (
        "candidate_count",
        "candidates",
        "complete",
        "first_candidate",
        "last_candidate",
        "newest",
        "open_offers",
        "peer_id",
        "report",
        "reported_at",
        "restarts",
    )

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
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

    @property
    def state(self) -> str:
        """What it last reported; empty if nothing."""
        return self.report.state if self.report else ""

    def describe(self, description: Description, now: float) -> None:
        """Record an offer or answer; in a new ICE session the older candidates do not count."""
        old = self.newest.description.ufrags if self.newest else frozenset()
        self.newest = SentDescription(description, now)
        if not old & description.ufrags:
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
        for candidate in description.candidates:
            self.add_candidate(candidate, now)
        self.complete = self.complete or description.complete

    def add_candidate(self, candidate: Candidate, now: float) -> None:
        """Record a candidate."""
        self.candidate_count += 1
        if self.first_candidate is None:
            self.first_candidate = now
        self.last_candidate = now
        if len(self.candidates) < MAX_CANDIDATES:
            self.candidates.append(candidate)


class Exchange(NamedTuple):
    """An offer and its answer."""

    offerer: str
    offer: Description
    answerer: str
    answer: Description

    @property
    def peers(self) -> tuple[str, str]:
        """Offerer and answerer."""
        return self.offerer, self.answerer


NONE_YET = Exchange("", Description(), "", Description())


class Pair:
    """Two peers of a room; the one that was there first comes first."""

    __slots__ = (
        "answered_at",
        "connected_at",
        "exchange",
        "last_activity",
        "late_answer",
        "offered_at",
        "offerer",
        "sides",
        "since",
    )

    def __init__(self, first: str, second: str, now: float) -> None:
        self.sides = {first: Side(first), second: Side(second)}
        self.since = now
        """When both were here."""
        self.last_activity = now
        self.offerer = ""
        """The peer that made the newest offer."""
        self.offered_at: float | None = None
        self.answered_at: float | None = None
        """When the newest offer was answered."""
        self.exchange = NONE_YET
        """The newest offer that was answered."""
        self.late_answer = False
        """The newest answer does not belong to the newest offer."""
        self.connected_at: float | None = None
        """When a peer reported that they are connected."""

    def other(self, peer_id: str) -> Side:
        """The side that is not that of `peer_id`."""
        first, second = self.sides.values()
        return second if first.peer_id == peer_id else first

    @property
    def glare(self) -> bool:
        """Both have offered, and neither has answered."""
        return all(side.open_offers for side in self.sides.values())

    @property
    def reports(self) -> bool:
        """Whether any client reports: without that, nobody here knows if they connected."""
        return any(side.reported_at is not None for side in self.sides.values())

    @property
    def connected(self) -> bool:
        """Whether a peer reports so, and neither reports the end."""
        states = [side.state for side in self.sides.values()]
        return "connected" in states and not any(state in LOST for state in states)

    def offered(self, sender: str, description: Description, now: float) -> None:
        """Record an offer."""
        self.last_activity = now
        side = self.sides[sender]
        newest = side.open_offers[-1].description if side.open_offers else None
        if newest and newest.origin and _same(newest, description):
            return  # the same one, sent again
        side.describe(description, now)
        side.open_offers.append(SentDescription(description, now))
        del side.open_offers[1 : 1 - MAX_OPEN]  # the first says since when an answer is missing
        self.offerer, self.offered_at, self.answered_at = sender, now, None

    def answered(self, sender: str, description: Description, now: float) -> float | None:
        """Record an answer; returns the seconds since both are here if it is the first one.

        Answers come in the order of their offers, so it belongs to the oldest open offer with
        the same media sections.
        """
        self.last_activity = now
        first = self.exchange is NONE_YET
        answerer, offerer = self.sides[sender], self.other(sender)
        answerer.describe(description, now)
        if not offerer.open_offers:
            return None
        shapes = [offer.description.shape for offer in offerer.open_offers]
        place = shapes.index(description.shape) if description.shape in shapes else 0
        offer = offerer.open_offers[place].description
        del offerer.open_offers[: place + 1]
        self.late_answer = bool(offerer.open_offers)
        if not self.late_answer:
            answerer.open_offers.clear()  # a peer that answers has rolled back its own offer
            self.offerer, self.answered_at = offerer.peer_id, now
        self.exchange = Exchange(offerer.peer_id, offer, sender, description)
        return now - self.since if first else None

    def sent_candidate(self, sender: str, candidate: Candidate | None, now: float) -> None:
        """Record a candidate; None: no more will come."""
        self.last_activity = now
        side = self.sides[sender]
        if candidate is None:
            side.complete = True
        else:
            side.add_candidate(candidate, now)

    def reported(self, sender: str, report: ConnectionReport, now: float) -> None:
        """Record what a peer says of its RTCPeerConnection."""
        side = self.sides[sender]
        was_connected = self.connected
        side.report, side.reported_at = report, now
        if self.connected and not was_connected:
            self.connected_at = now


def _same(one: Description, other: Description) -> bool:
    return (one.origin, one.ufrags) == (other.origin, other.ufrags)
