"""The ICE session (ufrag) that a held offer or candidate belongs to.

Browsers may trickle candidates before their offer reaches the server. While their sender is alone,
a new offer replaces what waits of an older negotiation, but not the candidates that are its own:
their ufrag (RFC 8839 5.4) is in the offer. Only the hold reads it; the relay never looks inside.

A ufrag is half of what a STUN check needs: it is for comparison here, never for a log.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from signaling_server.core.protocol.messages import Signal

MAX_TEXT = 262144
"""Characters of a signal that is read; of a longer one (`limits.message_bytes` allows it) nothing
is known."""
MAX_SECTIONS = 64
"""Different lines of an offer: one for each m-line that is not bundled."""
MAX_UFRAG = 256
"""Characters of one (RFC 8839 5.4)."""

_OFFERED = re.compile(r"^a=ice-ufrag:([A-Za-z0-9+/_-]{1,256})[ \t]*\r?$", re.MULTILINE)
_CANDIDATE = re.compile(r" ufrag ([^ \r\n]{1,256})(?= |\r|\n|$)")
_NESTED = 2
"""Levels at which a body may have `sdp` or `candidate`: clients pass on whole browser objects."""


def ufrags_of(signal: Signal) -> frozenset[str]:
    """The ICE sessions of a description or a candidate; empty if it does not say. Never raises."""
    data = _data(signal.body)
    if signal.type == "ice-candidate":
        return _of_candidate(data, _NESTED)
    return _of_description(data, _NESTED)


def _data(body: str) -> Any:
    """`data` of a signal's body, which comes without its closing brace."""
    if len(body) > MAX_TEXT:
        return None
    try:
        # As in messages: int() takes time that grows with the square of the digits.
        message = json.loads(body + "}", parse_int=float)
    except (ValueError, RecursionError):
        return None
    return message.get("data") if type(message) is dict else None


def _of_description(data: Any, levels: int) -> frozenset[str]:
    if type(data) is dict and levels:
        return _of_description(data.get("sdp"), levels - 1)
    if type(data) is not str:
        return frozenset()
    return frozenset(match[1] for match in islice(_OFFERED.finditer(data), MAX_SECTIONS))


def _of_candidate(data: Any, levels: int) -> frozenset[str]:
    if type(data) is dict and levels:
        told = data.get("usernameFragment")
        if type(told) is str and 0 < len(told) <= MAX_UFRAG:
            return frozenset([told])
        return _of_candidate(data.get("candidate"), levels - 1)
    found = _CANDIDATE.search(data) if type(data) is str else None
    return frozenset([found[1]] if found else [])
