"""The path between two peers that have exchanged offer and answer: why packets do not get through.

That they do not is known from reports, or from a peer that starts the call again and again; until
then a path is not judged.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Iterator

from signaling_server.core.insight.finding import NOTE, Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.side import LOST, RESTART_WINDOW, Side
from signaling_server.core.words import ago, listed, plural

GATHER_SECONDS = 3.0
"""A peer that never says that its candidates are complete is taken to have sent all by then."""
CANDIDATE_SECONDS = 10.0
CONNECT_SECONDS = 8.0
"""ICE and DTLS take at most 2 s where they work."""
SILENT_REDIALS = 3
"""Without reports, so many calls that all began with offer and answer are none that stands."""
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
_HIDDEN = {"mdns"}


def failing(pair: Pair, now: float) -> bool:
    """Whether it is known that the two do not connect, though they know each other's addresses."""
    attempt = pair.attempt
    states = {side.state for side in pair.sides.values()}
    if "failed" in states:
        return True
    if states & {"closed", "disconnected"}:
        return False  # a program has ended the call, or the path was there
    if attempt.since is None or now - attempt.since < CONNECT_SECONDS:
        return False
    return pair.reports or (attempt.offers >= SILENT_REDIALS and attempt.answers > 1)


def dtls_roles(pair: Pair, now: float) -> Iterator[Finding]:
    """Both want to be the client, or the server, of DTLS."""
    exchange = pair.exchange
    for offered, answered in zip(exchange.offer.sections, exchange.answer.sections):
        roles = offered.setup, answered.setup
        rejected = offered.rejected or answered.rejected or offered.kind != answered.kind
        if all(roles) and not rejected and roles not in _MATCHING_ROLES:
            one, other = exchange.peers
            text = f"The DTLS roles do not match: {one} is {roles[0]}, {other} is {roles[1]}."
            yield Finding("dtls-roles", text, exchange.peers, stalls=True)
            return  # all sections share one connection


def no_candidates(pair: Pair, now: float) -> Iterator[Finding]:
    """A side has announced no address."""
    for side in pair.sides.values():
        sent = side.newest
        if sent and not side.candidates and now - sent.at >= CANDIDATE_SECONDS:
            text = f"{side.peer_id} has sent no candidates within {CANDIDATE_SECONDS:.0f} s."
            who = side.peer_id
            yield Finding("no-candidates", text, (who,), failing(pair, now), who)


def mdns_only(pair: Pair, now: float) -> Iterator[Finding]:
    """A side hides its addresses behind names that the other cannot resolve, where it matters."""
    if not failing(pair, now) or pair.attempt.failed_at is not None or _are_near(pair):
        return
    for side in pair.sides.values():
        if {candidate.address for candidate in side.candidates} == _HIDDEN:
            other = pair.other(side.peer_id).peer_id
            text = (
                f"All candidates from {side.peer_id} are mDNS names, "
                f"which {other} cannot resolve from another network."
            )
            yield Finding("mdns-only", text, (side.peer_id, other), True, side.peer_id)


def needs_turn(pair: Pair, now: float) -> Iterator[Finding]:
    """Both have private addresses alone, and share no subnet."""
    one, other = (_subnets(side, now) for side in pair.sides.values())
    if not one or not other or one & other or pair.attempt.failed_at is not None:
        return
    peers, stalls = tuple(pair.sides), failing(pair, now)
    text = "{} and {} have private addresses in different subnets and no relay candidate"
    known = (
        f"{text}: they need a TURN server."
        if stalls
        else (f"{text}: unless there is a route between the subnets, they need a TURN server.")
    )
    level = "" if stalls else NOTE
    yield Finding("needs-turn", known.format(*peers), peers, stalls, level=level)


def blocked(pair: Pair, now: float) -> Iterator[Finding]:
    """Both are in one subnet, and still no packet gets through."""
    one, other = (_private(side) for side in pair.sides.values())
    shared = sorted(one & other)
    if shared and failing(pair, now) and pair.attempt.failed_at is None:
        peers = tuple(pair.sides)
        text = (
            f"{peers[0]} and {peers[1]} are in one subnet ({shared[0]}), but packets do not get "
            "through: a firewall on one of them, or a Wi-Fi that isolates its clients."
        )
        yield Finding("blocked", text, peers, stalls=True)


def reported_lost(pair: Pair, now: float) -> Iterator[Finding]:
    """A peer says that its connection has ended or is about to."""
    for side in pair.sides.values():
        if side.state in LOST:
            text = f"{side.peer_id} reports that its connection {_VERBS[side.state]}."
            stalls = side.state != "disconnected"  # ICE recovers from that by itself
            yield Finding(f"reported-{side.state}", text, (side.peer_id,), stalls)


def not_connected(pair: Pair, now: float) -> Iterator[Finding]:
    """Offer and answer have passed, and no more is known than that it does not work."""
    attempt, peers = pair.attempt, tuple(pair.sides)
    if any(side.state in LOST for side in pair.sides.values()):
        return
    if attempt.failed_at is not None:
        when, tries = ago(now - attempt.failed_at), plural(attempt.offers, "new offer")
        text = f"The call between {peers[0]} and {peers[1]} broke {when} ago; {tries} since."
        yield Finding("not-connected", text, peers, stalls=True)
    elif failing(pair, now) and attempt.since is not None:
        yield Finding("not-connected", _tried(pair, now), peers, stalls=True)


def restarts(pair: Pair, now: float) -> Iterator[Finding]:
    """A peer starts ICE again and again."""
    for side in pair.sides.values():
        count = sum(now - at < RESTART_WINDOW for at in side.restarts)
        if count >= RESTARTS:
            text = f"{side.peer_id} has restarted ICE {count} times in the last minute."
            yield Finding("ice-restarts", text, (side.peer_id,), side=side.peer_id)


def _tried(pair: Pair, now: float) -> str:
    attempt = pair.attempt
    known = "; ".join(_kinds(side) for side in pair.sides.values())
    if attempt.offers > 1 and attempt.first_offer is not None:
        offerer = pair.offerer or next(iter(pair.sides))
        span = ago(now - attempt.first_offer)
        return (
            f"{offerer} has offered {attempt.offers} times in {span}, "
            f"{pair.other(offerer).peer_id} has answered, and they have not connected: "
            f"packets do not get through ({known})."
        )
    waited = ago(now - (attempt.since or now))
    return f"Offer and answer passed {waited} ago, but the peers are not connected ({known})."


def _kinds(side: Side) -> str:
    """Such as "gcom has host private and srflx public"."""
    kinds = [kind for kind, _ in Counter(each.label for each in side.candidates).most_common(3)]
    return f"{side.peer_id} has {listed(kinds) if kinds else 'no candidates'}"


def _are_near(pair: Pair) -> bool:
    """Whether both reach the server from one machine or one subnet, where mDNS resolves."""
    one, other = (_network(side.address) for side in pair.sides.values())
    return one is not None and one == other


def _network(address: str) -> str | None:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{known}/{24 if known.version == 4 else 64}", strict=False))


def _private(side: Side) -> set[str]:
    return {candidate.subnet for candidate in side.candidates if candidate.subnet}


def _subnets(side: Side, now: float) -> set[str]:
    """The subnets of a peer that is reachable only within them; empty if that is not known."""
    kinds = {candidate.address for candidate in side.candidates}
    relayed = any(candidate.type == "relay" for candidate in side.candidates)
    # A link-local or loopback address does not say to which link or machine it belongs.
    if relayed or not kinds <= {"private", "link-local", "loopback"}:
        return set()
    waited = side.first_candidate is not None and now - side.first_candidate >= GATHER_SECONDS
    return _private(side) if side.complete or waited else set()
