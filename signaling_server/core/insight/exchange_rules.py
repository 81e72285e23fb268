"""Offer and answer: who should have sent one, and whether anybody can read it."""

from __future__ import annotations

from typing import Iterator

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.words import ago, listed

OFFER_SECONDS = 5.0
"""When both are here an offer follows at once, if the Streaming Node's camera is ready."""
ANSWER_SECONDS = 5.0
"""The slowest browser answers within a second."""
UNKNOWN_SECONDS = 10.0
"""The examples report as soon as they are back."""
_ARTICLES = {"offer": "The offer", "answer": "The answer"}


def unusable_sdp(pair: Pair, now: float) -> Iterator[Finding]:
    """A description that no WebRTC stack takes: its sender is named, at once.

    Offers first: some stacks answer an empty offer with an empty answer.
    """
    sent = [(side, side.newest) for side in pair.sides.values() if side.newest]
    for side, newest in sorted(sent, key=lambda one: one[1].kind != "offer"):
        if not newest.description.was_read:
            continue
        what = f"{_ARTICLES[newest.kind]} from {side.peer_id}"
        if not newest.description.sections:
            text = f"{what} contains no readable SDP."
            yield Finding("unreadable-sdp", text, (side.peer_id,), True, side.peer_id)
        elif newest.description.missing:
            text = f"{what} lacks {listed(newest.description.missing)}: no program can use it."
            yield Finding("incomplete-sdp", text, (side.peer_id,), True, side.peer_id)


def no_offer(pair: Pair, now: float) -> Iterator[Finding]:
    """Nobody has offered, though both are here."""
    waited = now - pair.since
    if pair.offered_at is not None or pair.unknown or waited < OFFER_SECONDS:
        return
    if pair.reports or any(side.away for side in pair.sides.values()):
        return
    caller, here = pair.caller, f"Both peers have been here for {ago(waited)}, but"
    if caller:
        text = f"{here} {caller.peer_id} has not sent an offer."
        yield Finding("no-offer", text, tuple(pair.sides), True, caller.peer_id)
    else:
        yield Finding("no-offer", f"{here} neither has sent an offer.", tuple(pair.sides))


def no_answer(pair: Pair, now: float) -> Iterator[Finding]:
    """An offer waits for its answer."""
    for side in pair.sides.values():
        other = pair.other(side.peer_id)
        if side.open_offers and not pair.glare and not other.away:
            waited, who = now - side.open_offers[0].at, other.peer_id
            if waited >= ANSWER_SECONDS:
                text = f"{who} was sent an offer {ago(waited)} ago and has not answered it."
                yield Finding("no-answer", text, (who,), True, who)


def glare(pair: Pair, now: float) -> Iterator[Finding]:
    """Both have offered, and neither yields."""
    if pair.glare:
        newest = max(side.open_offers[-1].at for side in pair.sides.values())
        text = "Both sides offered at once (glare), and neither {} nor {} has answered."
        peers = tuple(pair.sides)
        if now - newest >= ANSWER_SECONDS:
            yield Finding("glare", text.format(*peers), peers, True)


def late_answer(pair: Pair, now: float) -> Iterator[Finding]:
    """The answer is one to an older offer."""
    if pair.late_answer:
        offerer, answerer = pair.exchange.peers
        text = (
            f"The answer from {answerer} belongs to an earlier offer; "
            f"{offerer} has sent a new one since."
        )
        waited = now - pair.other(answerer).open_offers[-1].at
        stalls = waited >= ANSWER_SECONDS
        yield Finding("old-offer", text, (answerer, offerer), stalls, offerer)


def since_restart(pair: Pair, now: float) -> Iterator[Finding]:
    """Both came back, and neither says whether their call stands."""
    waited = now - pair.since
    if pair.unknown and waited >= UNKNOWN_SECONDS:
        one, other = pair.sides
        text = (
            f"Whether {one} and {other} are connected is unknown: both came back {ago(waited)} "
            "ago, and neither has reported or negotiated since."
        )
        yield Finding("since-restart", text, (one, other))
