"""What two peers sent to each other, as far as signaling shows it: offers, answers, candidates.

A Pair hears what passed, in order (`offered`, `answered`, `sent_candidate`, `reported`), each with
its time in seconds on a monotonic clock. W3C WebRTC 4.3 (signaling states), RFC 8829 (JSEP).
"""

from __future__ import annotations

from typing import NamedTuple

from signaling_server.core.insight import dials
from signaling_server.core.insight.roles import NODE, UNKNOWN, VIEWER
from signaling_server.core.insight.sdp import Candidate, Description
from signaling_server.core.insight.side import LOST, SentDescription, Side
from signaling_server.core.protocol.rtc_report import ConnectionReport

MAX_OPEN = 4
"""Unanswered offers of a peer that are remembered."""


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
        "attempt",
        "connected_at",
        "exchange",
        "first_frame",
        "last_activity",
        "late_answer",
        "offered_at",
        "offerer",
        "sides",
        "since",
        "standing",
    )

    def __init__(
        self, first: str | Side, second: str | Side, now: float, standing: bool = False
    ) -> None:
        sides = [side if isinstance(side, Side) else Side(side) for side in (first, second)]
        self.sides = {side.peer_id: side for side in sides}
        self.since = now
        """When both were here."""
        self.standing = standing
        """Both came back with their sessions: a call of theirs may have stood all the time."""
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
        self.attempt = dials.NOTHING_TRIED
        self.first_frame: float | None = None
        """Seconds from both being here to the first frame; None: not known."""

    def other(self, peer_id: str) -> Side:
        """The side that is not that of `peer_id`."""
        first, second = self.sides.values()
        return second if first.peer_id == peer_id else first

    @property
    def began(self) -> bool:
        """Whether anything was said between the two, or about their connection."""
        return self.offered_at is not None or self.exchange is not NONE_YET or self.reports

    @property
    def unknown(self) -> bool:
        """Whether a call may stand of which nothing was heard since both came back."""
        return self.standing and not self.began and not self._are_alike

    @property
    def _are_alike(self) -> bool:
        """Whether both offer, or both answer: two GCOMs have no call to come back to."""
        first, second = (side.kind for side in self.sides.values())
        return first == second != UNKNOWN

    @property
    def caller(self) -> Side | None:
        """The side that should offer; None: neither, or it is not known."""
        nodes = [side for side in self.sides.values() if side.kind == NODE]
        return nodes[0] if len(nodes) == 1 else None

    @property
    def is_call(self) -> bool:
        """Whether the two are a call: they began one, or should have, or perhaps have one.

        Two whose kinds are not known may be. Two GCOMs are none.
        """
        unsure = any(side.kind == UNKNOWN for side in self.sides.values())
        return self.began or self.unknown or unsure or self.caller is not None

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
        if side.state in LOST:
            self.other(sender).report = None  # about a call that its other end has given up
        begins = side.describe("offer", description, now)
        side.open_offers.append(SentDescription(description, now))
        del side.open_offers[1 : 1 - MAX_OPEN]  # the first says since when an answer is missing
        self.offerer, self.offered_at, self.answered_at = sender, now, None
        if begins and not self.connected:
            self.attempt = dials.offered(self.attempt, now)

    def answered(self, sender: str, description: Description, now: float) -> float | None:
        """Record an answer; returns the seconds since both are here if it is the first one.

        Answers come in the order of their offers, so it belongs to the oldest open offer with
        the same media sections.
        """
        self.last_activity = now
        first = self.exchange is NONE_YET
        answerer, offerer = self.sides[sender], self.other(sender)
        answerer.describe("answer", description, now)
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
        if not self.connected:
            self.attempt = dials.answered(self.attempt, now)
        return now - self.since if first else None

    def sent_candidate(self, sender: str, candidate: Candidate | None, now: float) -> None:
        """Record a candidate; None: no more will come."""
        self.last_activity = now
        side = self.sides[sender]
        if candidate is None:
            side.complete = True
        else:
            side.add_candidate(candidate, now)

    def reported(self, sender: str, report: ConnectionReport, now: float) -> float | None:
        """Record what a peer says of its RTCPeerConnection.

        Returns the seconds since both are here if with it the first frame of the two is known.
        """
        side, failed = self.sides[sender], self.attempt.failed_at is not None
        if failed and report.state == "connected" and self.other(sender).open_offers:
            return None  # it has not yet noticed the end of the call, nor taken the new offer
        was_connected = self.connected
        side.report, side.reported_at = report, now
        if self.connected and not was_connected:
            self.connected_at = now
            for each in self.sides.values():
                each.frames.begin()
        self.attempt = dials.reported(self.attempt, report.state, was_connected, now)
        if not side.frames.measured(report.stats, now) or not self.receives(side):
            return None
        if self.standing or self.first_frame is not None:
            return None
        self.first_frame = now - self.since
        return self.first_frame

    def receives(self, side: Side) -> bool:
        """Whether a side watches: by its kind, or else because it answered."""
        if side.kind != self.other(side.peer_id).kind:
            return side.kind == VIEWER or self.other(side.peer_id).kind == NODE
        return self.exchange.answerer == side.peer_id


def _same(one: Description, other: Description) -> bool:
    return (one.origin, one.ufrags) == (other.origin, other.ufrags)
