"""What a client says of its RTCPeerConnection: the payload of a `report` event -> a Report."""

from __future__ import annotations

from typing import Any, NamedTuple

from signaling_server.errors import Rejection

STATES = ("new", "connecting", "connected", "disconnected", "failed", "closed")
"""https://www.w3.org/TR/webrtc/#rtcpeerconnectionstate-enum"""
MAX_TEXT = 64
_FIELDS = {"type": ("type", "candidateType"), "protocol": ("protocol",), "address": ("address",)}
"""Our names, and those that https://www.w3.org/TR/webrtc-stats/#icecandidate-dict* has."""


class ConnectionReport(NamedTuple):
    """`state` is one of STATES; `candidate_pair` is {local: {...}, remote: {...}}.

    Each of the two has those of type, protocol and address that the client gave.
    """

    state: str
    candidate_pair: dict[str, dict[str, str]]


def parse_report(payload: Any) -> ConnectionReport:
    """Read {state, candidate_pair?}; what is odd in the pair is left out. Raises Rejection."""
    state = payload.get("state") if isinstance(payload, dict) else None
    if state not in STATES:
        raise Rejection("invalid-data", f"state must be one of {', '.join(STATES)}")
    pair = payload.get("candidate_pair")
    given = pair if isinstance(pair, dict) else {}
    ends = {end: _end(given[end]) for end in ("local", "remote") if end in given}
    return ConnectionReport(state, {end: fields for end, fields in ends.items() if fields})


def _end(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    found = {}
    for ours, names in _FIELDS.items():
        text = next((given[name] for name in names if name in given), "")
        if isinstance(text, str) and text.isprintable() and 0 < len(text) <= MAX_TEXT:
            found[ours] = text
    return found
