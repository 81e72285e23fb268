"""What a client reports of its RTCPeerConnection: a `report` event -> a ConnectionReport."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from signaling_server.errors import Rejection

STATES = ("new", "connecting", "connected", "disconnected", "failed", "closed")
"""https://www.w3.org/TR/webrtc/#rtcpeerconnectionstate-enum"""
MAX_TEXT = 64
MOST = 1e9
"""Larger numbers are no measurement."""
STATS = ("round_trip_ms", "bitrate_kbps", "frames_per_second", "packets_lost")
_FIELDS = {
    "type": ("type", "candidateType"),
    "protocol": ("protocol",),
    "address": ("address", "ip"),
    "network": ("network", "networkType"),
    "url": ("url",),
}
"""Each field, and its names here and in https://www.w3.org/TR/webrtc-stats/#icecandidate-dict*.

`url` is that of the STUN or TURN server from which a local candidate comes.
"""


class ConnectionReport(NamedTuple):
    """`state` is one of STATES; `candidate_pair` is {local: {...}, remote: {...}}.

    Each end has what the client gave of type, protocol, address and network.
    """

    state: str
    candidate_pair: dict[str, dict[str, str]]
    to: str = ""
    """The peer_id at the other end; empty: not said."""
    stats: Mapping[str, float] = {}
    """What the client measured, of STATS: of the video that it sends or receives."""


def parse_report(payload: Any) -> ConnectionReport:
    """Read {state, to?, candidate_pair?, stats?}. Raises Rejection.

    Invalid parts of the pair and of the stats are left out.
    """
    state = payload.get("state") if isinstance(payload, dict) else None
    if state not in STATES:
        raise Rejection("invalid-data", f"state must be one of {', '.join(STATES)}")
    pair = payload.get("candidate_pair")
    both = pair if isinstance(pair, dict) else {}
    ends = {end: _end(both[end]) for end in ("local", "remote") if end in both}
    to = payload.get("to")
    if to is not None and not (isinstance(to, str) and len(to) <= MAX_TEXT):
        raise Rejection("invalid-data", "to must be the peer_id at the other end (text)")
    pair = {end: fields for end, fields in ends.items() if fields}
    return ConnectionReport(state, pair, to or "", _numbers(payload.get("stats")))


def _numbers(given: Any) -> dict[str, float]:
    fields = given if isinstance(given, dict) else {}
    numbers = {name: fields[name] for name in STATS if type(fields.get(name)) in (int, float)}
    return {
        name: round(float(value), 1)
        for name, value in numbers.items()
        if 0 <= value <= MOST  # false for NaN
    }


def _end(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    end = {}
    for field, names in _FIELDS.items():
        text = next((given[name] for name in names if name in given), "")
        if isinstance(text, str) and text.isprintable() and 0 < len(text) <= MAX_TEXT:
            end[field] = text
    return end
