"""Why two peers do not see each other's video: rules over a Pair -> sentences for a person.

Each rule yields the findings of one kind. docs/troubleshooting.md explains each code, and quotes
its sentence.
"""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple

from signaling_server.core.insight.negotiation import LOST, RESTART_WINDOW, Exchange, Pair, Side
from signaling_server.core.insight.sdp import Section
from signaling_server.core.words import ago, listed

OFFER_SECONDS = 5.0
"""When both are here an offer follows at once, if the Streaming Node's camera is ready."""
ANSWER_SECONDS = 5.0
"""The slowest browser answers within a second."""
GATHER_SECONDS = 3.0
"""A peer that never says that its candidates are complete is taken to have sent all by then."""
CANDIDATE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
"""ICE and DTLS take at most 2 s where they work."""
RESTARTS = 3
"""So many ICE restarts in RESTART_WINDOW are no accident."""

_MATCHING_ROLES = {
    ("actpass", "active"),
    ("actpass", "passive"),
    ("active", "passive"),
    ("passive", "active"),
}
"""Of the offer, of the answer: RFC 8842, 5.2 and 5.3."""
_VERBS = {"disconnected": "is disconnected", "failed": "has failed", "closed": "is closed"}


class Finding(NamedTuple):
    """Something that is wrong."""

    code: str
    text: str
    peers: tuple[str, ...] = ()
    """The peers that the sentence is about."""
    stalls: bool = False
    """The two will not connect unless somebody changes something."""


Rule = Callable[[Pair, float], Iterator[Finding]]


def diagnose(pair: Pair, now: float) -> list[Finding]:
    """All that is wrong between two peers; once they are connected, only what concerns media."""
    rules = MEDIA_RULES if pair.connected else (*CONNECTION_RULES, *MEDIA_RULES)
    return [finding for rule in rules for finding in rule(pair, now)]


def state_of(pair: Pair, findings: list[Finding]) -> str:
    """connected, stalled, waiting (for an offer), negotiating or answered.

    answered: offer and answer have passed, and no client has reported the outcome.
    """
    if pair.connected:
        return "connected"
    if any(finding.stalls for finding in findings):
        return "stalled"
    if pair.offered_at is None:
        return "waiting"
    return "negotiating" if pair.answered_at is None or pair.reports else "answered"


# --- until they are connected ---------------------------------------------------------------------


def _no_offer(pair: Pair, now: float) -> Iterator[Finding]:
    waited = now - pair.since
    if pair.offered_at is None and waited >= OFFER_SECONDS:
        text = f"Both peers have been here for {ago(waited)}, but neither has sent an offer."
        yield Finding("no-offer", text, tuple(pair.sides), stalls=True)


def _no_answer(pair: Pair, now: float) -> Iterator[Finding]:
    for side in pair.sides.values():
        if side.open_offers and not pair.glare:
            waited, other = now - side.open_offers[0].at, pair.other(side.peer_id).peer_id
            if waited >= ANSWER_SECONDS:
                text = f"{other} was sent an offer {ago(waited)} ago and has not answered it."
                yield Finding("no-answer", text, (other,), stalls=True)


def _glare(pair: Pair, now: float) -> Iterator[Finding]:
    if pair.glare:
        newest = max(side.open_offers[-1].at for side in pair.sides.values())
        text = "Both sides offered at once (glare), and neither {} nor {} has answered."
        peers = tuple(pair.sides)
        yield Finding("glare", text.format(*peers), peers, now - newest >= ANSWER_SECONDS)


def _late_answer(pair: Pair, now: float) -> Iterator[Finding]:
    if pair.late_answer:
        offerer, answerer = pair.exchange.peers
        text = (
            f"The answer from {answerer} belongs to an earlier offer; "
            f"{offerer} has sent a new one since."
        )
        yield Finding("old-offer", text, (answerer, offerer))


def _dtls_roles(pair: Pair, now: float) -> Iterator[Finding]:
    exchange = pair.exchange
    for offered, answered in _side_by_side(exchange):
        roles = offered.setup, answered.setup
        if all(roles) and not answered.rejected and roles not in _MATCHING_ROLES:
            one, other = exchange.peers
            text = f"The DTLS roles do not match: {one} is {roles[0]}, {other} is {roles[1]}."
            yield Finding("dtls-roles", text, exchange.peers, stalls=True)
            return  # all sections share one connection


def _no_candidates(pair: Pair, now: float) -> Iterator[Finding]:
    for side in pair.sides.values():
        sent = side.newest
        if sent and not side.candidates and now - sent.at >= CANDIDATE_SECONDS:
            text = f"{side.peer_id} has sent no candidates within {CANDIDATE_SECONDS:.0f} s."
            yield Finding("no-candidates", text, (side.peer_id,), pair.reports)


def _mdns_only(pair: Pair, now: float) -> Iterator[Finding]:
    for side in pair.sides.values():
        kinds = {candidate.address for candidate in side.candidates}
        if kinds == {"mdns"} and _has_gathered(side, now):
            other = pair.other(side.peer_id).peer_id
            text = (
                f"All candidates from {side.peer_id} are mDNS names, "
                f"which {other} cannot resolve from another network."
            )
            yield Finding("mdns-only", text, (side.peer_id, other))


def _needs_turn(pair: Pair, now: float) -> Iterator[Finding]:
    one, other = (_subnets(side, now) for side in pair.sides.values())
    if one and other and not one & other:
        peers = tuple(pair.sides)
        text = (
            "{} and {} have private addresses in different subnets and no relay candidate: "
            "they need a TURN server."
        )
        yield Finding("needs-turn", text.format(*peers), peers, pair.reports)


def _not_connected(pair: Pair, now: float) -> Iterator[Finding]:
    lost = [side for side in pair.sides.values() if side.state in LOST]
    for side in lost:
        text = f"{side.peer_id} reports that its connection {_VERBS[side.state]}."
        stalls = side.state != "disconnected"  # ICE recovers from that by itself
        yield Finding(f"reported-{side.state}", text, (side.peer_id,), stalls)
    if pair.reports and not lost and pair.answered_at is not None:
        waited = now - pair.answered_at
        if waited >= CONNECT_SECONDS:
            text = f"Offer and answer passed {ago(waited)} ago, but the peers are not connected."
            yield Finding("not-connected", text, tuple(pair.sides), stalls=True)


def _has_gathered(side: Side, now: float) -> bool:
    waited = side.first_candidate is not None and now - side.first_candidate >= GATHER_SECONDS
    return side.complete or waited


def _subnets(side: Side, now: float) -> set[str]:
    """The subnets of a peer that is reachable only within them; empty if that is not known."""
    kinds = {candidate.address for candidate in side.candidates}
    relayed = any(candidate.type == "relay" for candidate in side.candidates)
    # A link-local or loopback address does not say to which link or machine it belongs.
    if relayed or not kinds <= {"private", "link-local", "loopback"}:
        return set()
    subnets = {candidate.subnet for candidate in side.candidates if candidate.subnet}
    return subnets if _has_gathered(side, now) else set()


# --- media ----------------------------------------------------------------------------------------


def _sdp_without_video(pair: Pair, now: float) -> Iterator[Finding]:
    for side in pair.sides.values():
        if side.newest and not side.newest.description.sections:
            text = f"The description from {side.peer_id} contains no readable SDP."
            yield Finding("unreadable-sdp", text, (side.peer_id,))
    offerer, offer = pair.exchange[:2]
    if offer.sections and not any(section.kind == "video" for section in offer.sections):
        yield Finding("no-video", f"The offer from {offerer} contains no video.", (offerer,))


def _no_common_codec(pair: Pair, now: float) -> Iterator[Finding]:
    exchange = _media(pair)
    for offered, answered in _side_by_side(exchange, "video"):
        if answered.rejected:
            text = f"{exchange.answerer} refused the offered video ({listed(offered.codecs)})."
            yield Finding("video-refused", text, exchange.peers, stalls=True)
        elif offered.codecs and answered.codecs and not {*offered.codecs} & {*answered.codecs}:
            one, other = exchange.peers
            text = (
                f"No common video codec: {one} offers {listed(offered.codecs)}, "
                f"{other} accepts {listed(answered.codecs)}."
            )
            yield Finding("no-common-codec", text, exchange.peers, stalls=True)


def _no_sender(pair: Pair, now: float) -> Iterator[Finding]:
    exchange = _media(pair)
    videos = [pair for pair in _side_by_side(exchange, "video") if not pair[1].rejected]
    if not videos or any(_flows(offered, answered) for offered, answered in videos):
        return
    one, other = exchange.peers
    here, there = videos[0][0].direction, videos[0][1].direction
    text = f"No video can flow: {one} is {here}, {other} is {there}."
    yield Finding("no-sender", text, (one, other), stalls=True)


def _restarts(pair: Pair, now: float) -> Iterator[Finding]:
    for side in pair.sides.values():
        count = sum(now - at < RESTART_WINDOW for at in side.restarts)
        if count >= RESTARTS:
            text = f"{side.peer_id} has restarted ICE {count} times in the last minute."
            yield Finding("ice-restarts", text, (side.peer_id,))


def _media(pair: Pair) -> Exchange:
    """What both sides intend: by offer and answer, or in a glare by both offers."""
    if pair.glare:
        one, other = pair.sides.values()
        offers = one.open_offers[-1].description, other.open_offers[-1].description
        return Exchange(one.peer_id, offers[0], other.peer_id, offers[1])
    return pair.exchange


def _side_by_side(exchange: Exchange, kind: str = "") -> Iterator[tuple[Section, Section]]:
    """The sections (of a kind) of offer and answer, without those that the offer disables."""
    for offered, answered in zip(exchange.offer.sections, exchange.answer.sections):
        same = offered.kind == answered.kind and kind in ("", offered.kind)
        if same and not offered.rejected:
            yield offered, answered


def _flows(offered: Section, answered: Section) -> bool:
    """Whether one of them sends what the other receives."""
    sends, receives = ("sendrecv", "sendonly"), ("sendrecv", "recvonly")
    one, other = offered.direction, answered.direction
    return (one in sends and other in receives) or (one in receives and other in sends)


CONNECTION_RULES: tuple[Rule, ...] = (
    _not_connected,
    _no_offer,
    _no_answer,
    _glare,
    _late_answer,
    _dtls_roles,
    _no_candidates,
    _mdns_only,
    _needs_turn,
)
MEDIA_RULES: tuple[Rule, ...] = (_sdp_without_video, _no_common_codec, _no_sender, _restarts)
