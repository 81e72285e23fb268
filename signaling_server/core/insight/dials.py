"""How often two peers have tried to connect, since they were connected last.

A Streaming Node that starts a call again every ten seconds must not hide that all of them fail.
"""

from __future__ import annotations

from typing import NamedTuple

FAILURES = ("failed", "disconnected")


class Attempt(NamedTuple):
    """What was tried since the two were connected last."""

    since: float | None = None
    """When the first answer passed, or when the connection failed; None: neither has happened."""
    first_offer: float | None = None
    last_offer: float | None = None
    offers: int = 0
    """Offers of a new ICE session each."""
    answers: int = 0
    failed_at: float | None = None
    """When a peer reported that their connection had failed."""


NOTHING_TRIED = Attempt()


def offered(attempt: Attempt, now: float) -> Attempt:
    """An offer of a new ICE session has passed."""
    first = now if attempt.first_offer is None else attempt.first_offer
    return attempt._replace(first_offer=first, last_offer=now, offers=attempt.offers + 1)


def answered(attempt: Attempt, now: float) -> Attempt:
    """An answer has passed."""
    since = now if attempt.since is None else attempt.since
    return attempt._replace(since=since, answers=attempt.answers + 1)


def reported(attempt: Attempt, state: str, was_connected: bool, now: float) -> Attempt:
    """A peer has reported a state; `was_connected`: until now the two were connected."""
    if state == "connected":
        return NOTHING_TRIED
    if state in FAILURES and was_connected:
        return Attempt(since=now, failed_at=now)
    return attempt
