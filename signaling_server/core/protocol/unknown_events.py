"""An event that this server does not know: what its sender should do instead.

Many signaling servers name their events after the signal, or have clients join a room by an event.
A client written for one of those would wait in silence.
"""

from __future__ import annotations

import json
import re

from signaling_server.errors import Rejection

MAX_NAME = 64
"""Characters of an event's name that are repeated to its sender, and in the log."""

_OTHER = "it takes signal, report and ice_servers"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_:. -]{0,31}")
"""A name that may be in the log. A token is longer."""
_SIGNALS = {
    "offer": "offer",
    "answer": "answer",
    "sdp": "offer",
    "candidate": "ice-candidate",
    "icecandidate": "ice-candidate",
    "ice": "ice-candidate",
}
"""Names without `-`, `_`, `:` and capitals -> the type of the signal that is meant."""
_ROOMS = ("join", "create", "room", "register", "login")
"""Beginnings of names of events with which other servers let a client into a room."""


def unknown_event(name: str) -> Rejection:
    """The rejection of an event with this name."""
    cut = name[:MAX_NAME]
    advice = _advice(cut)
    message = f"this server knows no event {json.dumps(cut)}: {advice}"
    # The log is no place for whatever a client takes for the name of an event.
    usual = advice != _OTHER and _WORD.fullmatch(name)
    logged = "" if usual else f"an event that this server does not know: {advice}"
    return Rejection("unknown-event", message, logged=logged, event=cut)


def _advice(name: str) -> str:
    plain = "".join(sign for sign in name.lower() if sign.isalnum())
    kind = _SIGNALS.get(plain)
    if kind:
        return f'send signal with {{type: "{kind}", data: ...}}'
    if plain.startswith(_ROOMS):
        return "give the room (and a name) in auth or in the URL when you connect"
    if plain.startswith(("leave", "bye", "hangup", "disconnect")):
        return "disconnect to leave"
    return _OTHER
