"""Who was in a room lately: kept for ten minutes, so that a loss is not told as "nobody is here".

Worst case: SEEN peers of a room with LIVES lives each, ROOMS rooms; who left first is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Iterator, Mapping, NamedTuple

from signaling_server.core.insight.finding import ALARM, NOTE, Finding
from signaling_server.core.insight.frame_watch import FrameWatch
from signaling_server.core.insight.side import LOST
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.words import ago

KEPT_SECONDS = 600.0
SEEN = 16
LIVES = 32
ROOMS = 256
SHOWN = 8
MINUTE = 60.0
AFTER_OFFER_SECONDS = 3.0
"""A program that ends so soon after an offer, without an answer, ends of it."""
CRASHES = 2
LEAVES = 6
"""So often in a minute nobody reloads a page."""
STANDS_SECONDS = 8.0
"""How long a report that a call stands is worth something: the examples report every 2 s."""

NOBODY: Mapping[str, Witness] = {}
HOW = {"goodbye": "goodbye", "replaced": "replaced", "unauthorized": "revoked"}
"""How a peer went, by the reason; every other reason is a loss."""


class Life(NamedTuple):
    """From when a peer joined to when it went."""

    joined_at: float
    left_at: float
    reason: str
    address: str
    in_call: float | None = None
    """Seconds for which it was connected to somebody; None: it is not known to have been."""
    after_offer: bool = False
    """It went soon after it was sent an offer, and had not answered."""

    @property
    def how(self) -> str:
        """lost, goodbye, replaced or revoked."""
        return HOW.get(self.reason, "lost")


class Witness:
    """One peer, and what it reports of its connection to another that has left.

    ICE reports a connection for up to 30 s after the other has lost its power (consent, RFC 7675);
    the frames stop at once. So frames that stop end the call, whatever ICE reports.
    """

    __slots__ = ("at", "frames", "state")

    def __init__(self, state: str, at: float, frames: FrameWatch) -> None:
        self.state, self.at, self.frames = state, at, frames

    def stands(self, now: float) -> bool:
        """Whether it reports that the call goes on."""
        fresh = self.state == "connected" and now - self.at <= STANDS_SECONDS
        return fresh and self.frames.frozen_for(now) is None

    def ended(self, now: float) -> bool:
        """Whether it reports that the call is over."""
        return self.state in LOST or self.frames.frozen_for(now) is not None


class Seen:
    """A peer that was here."""

    __slots__ = ("lives", "peer_id", "role", "session", "witnesses")

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
        self.role: str | None = None
        self.session: str | None = None
        self.lives: deque[Life] = deque(maxlen=LIVES)
        """Its ended lives, the newest last."""
        self.witnesses: dict[str, Witness] = {}
        """Who was connected to it when it went, or has reported on that since, by peer_id."""

    @property
    def last(self) -> Life:
        """Its newest life that has ended."""
        return self.lives[-1]

    def recent(self, now: float) -> list[Life]:
        """The lives that ended within the last minute."""
        return [life for life in self.lives if now - life.left_at < MINUTE]

    def call_stands(self, now: float) -> bool:
        """Whether somebody reports that the call with it goes on."""
        return any(witness.stands(now) for witness in self.witnesses.values())

    def call_ended(self, now: float) -> bool:
        """Whether somebody reports that the call with it is over."""
        return any(witness.ended(now) for witness in self.witnesses.values())


class LastSeen(NamedTuple):
    """A peer that was here, as a value."""

    peer_id: str
    role: str | None
    left_at: float
    how: str
    address: str
    in_call: float | None


class RoomMemory:
    """Who was in one room."""

    def __init__(self) -> None:
        self.seen: OrderedDict[str, Seen] = OrderedDict()
        """By peer_id, or for peers without a name by their address; who left last comes last."""

    def left(
        self,
        who: str,
        role: str | None,
        session: str | None,
        life: Life,
        witnesses: Mapping[str, Witness] = NOBODY,
    ) -> None:
        """Record the end of a life; `witnesses`: who was connected to it, by peer_id, of whom SEEN
        are remembered.
        """
        seen = self.seen.pop(who, None) or Seen(who)
        self.seen[who] = seen
        seen.role, seen.session = role, session
        seen.lives.append(life)
        seen.witnesses = dict(islice(witnesses.items(), SEEN))
        if len(self.seen) > SEEN:
            self.seen.popitem(last=False)

    def same_run(self, who: str, session: str | None) -> float | None:
        """When this very run of a peer's program left; None: it did not, or that is not known."""
        seen = self.seen.get(who)
        return seen.last.left_at if seen and session and seen.session == session else None

    def reported(self, peer_id: str, report: ConnectionReport, now: float) -> None:
        """Record what a peer says of its connection to one that has gone."""
        seen = self.seen.get(report.to)
        if seen is None or (peer_id not in seen.witnesses and len(seen.witnesses) == SEEN):
            return
        witness = seen.witnesses.setdefault(peer_id, Witness(report.state, now, FrameWatch()))
        witness.state, witness.at = report.state, now
        witness.frames.measured(report.stats, now)

    def forget(self, now: float) -> bool:
        """Drop what is too old; returns whether anything is left."""
        while self.seen:
            who = next(iter(self.seen))
            if now - self.seen[who].last.left_at < KEPT_SECONDS:
                return True
            del self.seen[who]
        return False

    def newest(self, now: float) -> list[Seen]:
        """All that are not forgotten, newest first."""
        return [
            seen for seen in reversed(self.seen.values()) if now - seen.last.left_at < KEPT_SECONDS
        ]


def gone(seen: Seen, now: float) -> Finding | None:
    """What to say of a peer that was lost and has not come back; None if it said goodbye."""
    life = seen.last
    if life.how != "lost":
        return None
    when, call = ago(now - life.left_at), ""
    if life.in_call is not None:
        call = f", after {ago(life.in_call)} in a call"
    text = f"{seen.peer_id} was lost {when} ago ({life.reason}), last at {life.address}{call}"
    if seen.call_stands(now):
        stands = "the other side reports that their call stands"
        return Finding("lost", f"{text}; {stands}.", (seen.peer_id,), level=NOTE)
    level = ALARM if seen.call_ended(now) else ""
    return Finding("lost", f"{text}.", (seen.peer_id,), side=seen.peer_id, level=level)


def restless(memory: RoomMemory, settled: set[str], now: float) -> Iterator[Finding]:
    """Programs that come and go; `settled`: those that have answered, or stay, by now."""
    for seen in memory.newest(now):
        lives, who = seen.recent(now), seen.peer_id
        left = [life for life in lives if life.how != "replaced"]  # or its page was reloaded
        crashes = sum(life.after_offer for life in lives)
        if who in settled:
            continue
        text = f"{who} has joined and left {len(lives)} times in the last minute"
        if crashes >= CRASHES and crashes == len(lives):
            why = "each time after an offer: its program fails on the offer"
            yield Finding("crashes-on-offer", f"{text}, {why}.", (who,), True, who)
        elif crashes >= CRASHES:
            why = f"{crashes} times right after an offer: its program fails on the offer"
            yield Finding("crashes-on-offer", f"{text}, {why}.", (who,), True, who)
        elif len(left) >= LEAVES:
            yield Finding("keeps-leaving", f"{text}.", (who,), side=who)


def as_values(memory: RoomMemory, here: set[str], now: float) -> list[LastSeen]:
    """Those who left and are not here, newest first."""
    return [
        LastSeen(
            seen.peer_id,
            seen.role,
            seen.last.left_at,
            seen.last.how,
            seen.last.address,
            seen.last.in_call,
        )
        for seen in memory.newest(now)
        if seen.peer_id not in here
    ][:SHOWN]
