"""The content of a signal, as far as it says why there is no video.

Clients wrap SDP and candidates in several ways; what cannot be read is said to be so, and nothing
raises.
"""

from __future__ import annotations

import json
from typing import Any, Union

from signaling_server.core.insight.sdp import (
    Candidate,
    Description,
    parse_candidate,
    parse_description,
)
from signaling_server.core.protocol.messages import Signal

LARGEST = 65536
"""Bytes of a signal that is read; of a larger one only its type counts."""
UNREADABLE = Candidate("unreadable", "other")
UNREAD = Description(was_read=False)

Content = Union[Description, Candidate, None]
"""Of an offer or answer a Description; of an ice-candidate a Candidate, or None: no more come."""


def read(signal: Signal) -> Content:
    """The content of a signal."""
    if signal.size > LARGEST:
        return None if signal.type == "ice-candidate" else UNREAD
    data = _data(signal)
    return _candidate(data) if signal.type == "ice-candidate" else _description(data)


def _description(data: dict[str, Any]) -> Description:
    sdp = data.get("sdp")
    if isinstance(sdp, dict):  # {sdp: {type, sdp}}
        sdp = sdp.get("sdp")
    return parse_description(sdp) if isinstance(sdp, str) else Description()


def _candidate(data: dict[str, Any]) -> Candidate | None:
    candidate = data.get("candidate")
    if isinstance(candidate, dict):  # {candidate: {candidate, sdpMid}}
        candidate = candidate.get("candidate")
    if not candidate:
        return None
    return (isinstance(candidate, str) and parse_candidate(candidate)) or UNREADABLE


def _data(signal: Signal) -> dict[str, Any]:
    """The `data` of a signal; empty if it has none."""
    # float() takes any number of digits in linear time; the numbers are of no interest here.
    data = json.loads(signal.body + "}", parse_int=float).get("data")
    return data if isinstance(data, dict) else {}
