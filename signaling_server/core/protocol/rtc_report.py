"""What a client reports of its RTCPeerConnection: a `report` event -> a ConnectionReport."""

from __future__ import annotations

from typing import Any, NamedTuple

from signaling_server.errors import Rejection

STATES = ("new", "connecting", "connected", "disconnected", "failed", "closed")
"""https://www.w3.org/TR/webrtc/#rtcpeerconnectionstate-enum"""
MAX_TEXT = 64
_FIELDS = {"type": ("type", "candidateType"), "protocol": ("protocol",), "address": ("address",)}
"""Each field, and its names here and in https://www.w3.org/TR/webrtc-stats/#icecandidate-dict*."""


class ConnectionReport(NamedTuple):
    """`state` is one of STATES; `candidate_pair` is {local: {...}, remote: {...}}.

    Each end has what the client gave of type, protocol and address.
    """

    state: str
    candidate_pair: dict[str, dict[str, str]]


def parse_report(payload: Any) -> ConnectionReport:
    """Read {state, candidate_pair?}; invalid parts of the pair are left out. Raises Rejection."""
    state = payload.get("state") if isinstance(payload, dict) else None
    if state not in STATES:
        raise Rejection("invalid-data", f"state must be one of {', '.join(STATES)}")
    pair = payload.get("candidate_pair")
    both = pair if isinstance(pair, dict) else {}
    ends = {end: _end(both[end]) for end in ("local", "remote") if end in both}
    return ConnectionReport(state, {end: fields for end, fields in ends.items() if fields})


def _end(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    end = {}
    for field, names in _FIELDS.items():
        text = next((given[name] for name in names if name in given), "")
        if isinstance(text, str) and text.isprintable() and 0 < len(text) <= MAX_TEXT:
            end[field] = text
    return end
