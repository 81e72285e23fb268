"""How the server is, as JSON for pages, programs and people: the body of /api/status."""

from __future__ import annotations

from typing import Any, Sequence

from signaling_server.core.insight.insight import Insight
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Metrics


def overview(
    relay: Relay,
    metrics: Metrics,
    insight: Insight,
    version: str,
    uptime: float,
    warnings: Sequence[str],
    now: float,
) -> dict[str, Any]:
    """{server, counters, rooms, events}: docs/protocol.md, /api/status. Times are in seconds."""
    seen = {room["room"]: room for room in insight.rooms(now)}
    return {
        "server": {
            "version": version,
            "uptime_seconds": round(uptime, 1),
            "warnings": list(warnings),
        },
        "counters": {
            "signals": sum(metrics.signals.values()),
            "delivered": metrics.delivered,
            "held": metrics.held,
            "expired": metrics.expired,
            "rejected": sum(metrics.rejections.values()),
            "takeovers": metrics.replaced,
            "resumes": metrics.resumed,
        },
        "rooms": [_room(room, seen.get(room.name, {})) for room in relay.rooms.values()],
        "events": [
            {"seconds_ago": event["ago"], "room": event["room"], "text": _text(event)}
            for event in insight.events(now)
        ],
    }


def _text(event: dict[str, Any]) -> str:
    times = f" ({event['times']} times)" if event["times"] > 1 else ""
    return f"{event['text']}{times}"


def _room(room: Room, seen: dict[str, Any]) -> dict[str, Any]:
    connected = {peer["peer_id"]: peer["connected_for"] for peer in seen.get("peers", ())}
    return {
        "room": room.name,
        "peers": [_peer(peer, connected.get(peer.peer_id, 0.0)) for peer in room.peers.values()],
        "pairs": [_pair(pair) for pair in seen.get("pairs", ())],
        "diagnosis": seen.get("diagnosis", []),
    }


def _peer(peer: Peer, connected: float) -> dict[str, Any]:
    return {
        "peer_id": peer.peer_id,
        "name": peer.name,
        "role": peer.role,
        "address": peer.address,
        "transport": peer.transport,
        "state": peer.state.name.lower(),
        "connected_seconds": connected,
    }


def _pair(pair: dict[str, Any]) -> dict[str, Any]:
    """Stages that have come, oldest first; with what is known of them beside the time."""
    stages = [
        {
            **{key: stage[key] for key in stage if key not in ("ago", "after")},
            "by": stage["by"] or None,
            "seconds_ago": stage["ago"],
        }
        for stage in pair["stages"]
        if stage["ago"] is not None
    ]
    return {**pair, "stages": stages}
