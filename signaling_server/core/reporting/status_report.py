"""The body of /api/status: how the server is, for pages, programs and people.

The only place that makes JSON of what insight knows. Field by field: docs/protocol.md, /api/status.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Mapping, Sequence

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.headline import Headline
from signaling_server.core.insight.insight import Insight
from signaling_server.core.insight.last_seen import LastSeen
from signaling_server.core.insight.notes import Note
from signaling_server.core.insight.reports import (
    CandidatesSent,
    Connected,
    Measured,
    PairReport,
    PeerCounts,
    RoomReport,
    Stage,
)
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.core.protocol.refusals import Refusal
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.scope import ALL, Scope
from signaling_server.core.reporting.metrics import Metrics


def build(
    relay: Relay,
    metrics: Metrics,
    insight: Insight,
    version: str,
    uptime: float,
    warnings: Sequence[str],
    now: float,
    scope: Scope = ALL,
    hosts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """{server, headline, counters, rooms, diagnosis, events, refusals}.

    `uptime` is in seconds, `now` on the clock of the facts. Of rooms outside of `scope`, and of
    clients in no room, only the counters tell. `hosts` are the names of the hosts of a fleet to
    which peers are connected, by Socket.IO sid; those that are not in it are here.
    """
    picture = insight.picture(now, scope)
    reports = {report.name: report for report in picture.rooms}
    return {
        "server": {
            "version": version,
            "uptime_seconds": round(uptime, 1),
            "warnings": list(warnings),
        },
        "headline": _headline(picture.headline),
        "counters": _counters(metrics),
        "rooms": [
            _room(room, reports.get(room.name, RoomReport(room.name, {}, (), ())), hosts, now)
            for room in relay.rooms.values()
            if scope.covers(room.name)
        ],
        "diagnosis": _findings(picture.elsewhere),
        "events": [_event(note, now) for note in insight.notes() if scope.covers(note.room)],
        "refusals": [
            _refusal(refusal, now) for refusal in metrics.refusals.last() if scope.is_whole
        ],
    }


def _counters(metrics: Metrics) -> dict[str, int]:
    return {
        "signals": sum(metrics.signals.values()),
        "delivered": metrics.delivered,
        "held": metrics.held,
        "expired": metrics.expired,
        "rejected": sum(metrics.rejections.values()),
        "takeovers": metrics.replaced,
        "resumes": metrics.resumed,
    }


def _headline(headline: Headline | None) -> dict[str, Any] | None:
    if headline is None:
        return None
    finding = headline.finding
    return {
        "text": finding.text,
        "advice": finding.advice,
        "severity": finding.severity,
        "room": headline.room,
        "code": finding.code,
    }


def _room(room: Room, report: RoomReport, hosts: Mapping[str, str], now: float) -> dict[str, Any]:
    """The relay knows who is there, insight what happened between them."""
    return {
        "room": room.name,
        "peers": [_peer(peer, report.peers, hosts, now) for peer in room.peers.values()],
        "pairs": [_pair(pair, now) for pair in report.pairs],
        "diagnosis": _findings(report.diagnosis),
        "last_seen": _last_seen(report.last_seen, now),
    }


def _last_seen(gone: Sequence[LastSeen], now: float) -> list[dict[str, Any]]:
    return [
        {
            "peer_id": peer.peer_id,
            "role": peer.role,
            "seconds_ago": _ago(peer.left_at, now),
            "how": peer.how,
            "address": peer.address,
            "in_call_seconds": None if peer.in_call is None else round(peer.in_call, 1),
        }
        for peer in gone
    ]


def _peer(
    peer: Peer, counts: Mapping[str, PeerCounts], hosts: Mapping[str, str], now: float
) -> dict[str, Any]:
    count = counts.get(peer.peer_id, PeerCounts(now))
    rule = {"named_by": peer.by_rule} if peer.by_rule else {}
    host = {"host": hosts[peer.sid]} if peer.sid in hosts else {}
    return {
        "peer_id": peer.peer_id,
        "name": peer.name,
        **rule,
        "role": peer.role,
        "address": peer.address,
        "transport": peer.transport,
        "state": peer.state.name.lower(),
        "connected_seconds": _ago(count.since, now),
        "signals": count.signals,
        "refused": count.refused,
        **host,
    }


def _pair(pair: PairReport, now: float) -> dict[str, Any]:
    return {
        "peers": list(pair.peers),
        "state": pair.state,
        "stages": [_stage(stage, now) for stage in pair.stages],
        "last_activity": _ago(pair.last_activity, now),
        "diagnosis": _findings(pair.diagnosis),
        "path": pair.path,
        "candidate_kinds": {
            peer_id: dict(kinds) for peer_id, kinds in pair.candidate_kinds.items()
        },
        "stats": {peer_id: _measured(stats, now) for peer_id, stats in pair.stats.items()},
        "first_frame_seconds": None if pair.first_frame is None else round(pair.first_frame, 1),
    }


def _measured(measured: Measured, now: float) -> dict[str, Any]:
    return {**measured.stats, "at": _ago(measured.at, now)}


def _stage(stage: Stage, now: float) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "by": stage.by or None,
        **_details(stage.details, now),
        "seconds_ago": _ago(stage.at, now),
    }


def _details(details: CandidatesSent | Connected | None, now: float) -> dict[str, Any]:
    if isinstance(details, CandidatesSent):
        return {
            "count": details.total,
            "kinds": dict(details.kinds),
            "last_ago": _ago(details.last, now),
            "complete": details.complete,
        }
    return details._asdict() if details else {}


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "code": finding.code,
            "text": finding.text,
            "peers": list(finding.peers),
            "severity": finding.severity,
            "advice": finding.advice,
            "side": finding.side or None,
        }
        for finding in findings
    ]


def _event(note: Note, now: float) -> dict[str, Any]:
    times = f" ({note.times} times)" if note.times > 1 else ""
    return {"seconds_ago": _ago(note.at, now), "room": note.room, "text": f"{note.text}{times}"}


def _refusal(refusal: Refusal, now: float) -> dict[str, Any]:
    return {
        "seconds_ago": _ago(refusal.at, now),
        "address": refusal.address,
        "code": refusal.code,
        "text": refusal.sentence,
        "times": refusal.times,
    }


def _ago(at: float, now: float) -> float:
    return round(now - at, 1)
