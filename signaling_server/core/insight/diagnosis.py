"""Why two peers do not see each other's video: rules over a Pair -> sentences for a person.

The rules stand in the order of how much they explain, and one stall is one finding: what follows
from it is left out. docs/troubleshooting.md explains each code, and quotes its sentence.
"""

from __future__ import annotations

from typing import Callable, Iterator

from signaling_server.core.insight import exchange_rules, media_rules, path_rules, picture_rules
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair

Rule = Callable[[Pair, float], Iterator[Finding]]

CONNECTION_RULES: tuple[Rule, ...] = (
    exchange_rules.unusable_sdp,
    exchange_rules.glare,
    media_rules.no_common_codec,
    media_rules.no_sender,
    path_rules.dtls_roles,
    exchange_rules.late_answer,
    exchange_rules.no_answer,
    exchange_rules.no_offer,
    path_rules.no_candidates,
    path_rules.mdns_only,
    path_rules.needs_turn,
    path_rules.blocked,
    path_rules.reported_lost,
    path_rules.not_connected,
    exchange_rules.since_restart,
)
MEDIA_RULES: tuple[Rule, ...] = (
    media_rules.no_common_codec,
    media_rules.no_sender,
    picture_rules.no_picture,
)
ANY_TIME: tuple[Rule, ...] = (media_rules.no_video, path_rules.restarts)


def diagnose(pair: Pair, now: float) -> list[Finding]:
    """All that is wrong between two peers; once they are connected, only what concerns media."""
    rules = MEDIA_RULES if pair.connected else CONNECTION_RULES
    if pair.connected and any(side.frames.flows(now) for side in pair.sides.values()):
        rules = ()  # the picture is there, whatever offer and answer say
    findings = [finding for rule in (*rules, *ANY_TIME) for finding in rule(pair, now)]
    stalls = [finding for finding in findings if finding.stalls]
    return stalls[:1] or findings


def state_of(pair: Pair, findings: list[Finding]) -> str:
    """connected, stalled, unknown, waiting (for an offer), negotiating or answered.

    answered: offer and answer have passed, and no client has reported the outcome.
    unknown: both came back with their sessions, and nothing was heard of their call since.
    """
    if pair.connected:
        return "connected"
    if any(finding.stalls for finding in findings):
        return "stalled"
    if pair.unknown:
        return "unknown"
    if pair.offered_at is None:
        return "negotiating" if pair.reports else "waiting"
    return "negotiating" if pair.answered_at is None or pair.reports else "answered"
