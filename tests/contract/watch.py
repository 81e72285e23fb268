"""What passes between the clients of the tests and the server, validated as it passes.

Complaints go to found.py, so that those of background tasks count too. What a client sends is
validated once the server has accepted it: tests send malformed payloads on purpose.
"""

from __future__ import annotations

import json
import re
from typing import Any

from contract import found
from contract.schemas import (
    ACK,
    ASYNCAPI,
    HEARD,
    MOST_SHOWN,
    SENT,
    closed,
    complaints,
    http_complaints,
    inlined,
    resolve,
    violations,
)

_FRAME = re.compile(r"4([0234])(?:/[^,]*,)?(\d*)(.*)", re.DOTALL)
"""An Engine.IO message with a Socket.IO CONNECT, EVENT, ACK or CONNECT_ERROR."""


def heard(event: str, payload: Any) -> None:
    """The server sent an event."""
    found.add(complaints(event, HEARD, payload))


def introduced(auth: Any) -> None:
    """The server welcomed a client that sent this `auth`; it takes any but an object for none."""
    if isinstance(auth, dict):
        found.add(complaints("connect", SENT, auth))


def answered(event: str, payload: Any, answer: Any) -> None:
    """The server acknowledged an event."""
    known = event in ("signal", "report", "ice_servers")
    # An unknown event is refused as a signal is.
    found.add(complaints(event if known else "signal", ACK, answer))
    accepted = isinstance(answer, dict) and answer.get("ok", "ice_servers" in answer)
    if known and accepted:
        found.add(complaints(event, SENT, payload))


def refused(payload: Any) -> None:
    """The server answered CONNECT with a connect error."""
    found.add(complaints("connect_error", ACK, payload))


def refused_handshake(payload: Any) -> None:
    """The server answered the handshake with this body, of status 400 or 503."""
    schemas = [
        closed(inlined(*resolve(f"#/components/schemas/{name}", ASYNCAPI)))
        for name in ("HandshakeFault", "HandshakeRefusal")
    ]
    found.add(violations({"anyOf": schemas}, payload))


def page(method: str, url: str, status: int, kind: str, body: str) -> None:
    """The server answered a request."""
    try:
        parsed = json.loads(body) if "json" in kind else body
    except ValueError:
        found.add([f"{method} {url}: the body is no JSON"])
        return
    found.add(http_complaints(method, url, status, kind, parsed))


class Frames:
    """The packets of one connection of Engine.IO."""

    def __init__(self) -> None:
        self.judged = 0
        """Packets of the server that were validated."""
        self._asked: dict[str, list[Any] | None] = {}
        """The events that wait for an acknowledgement, by its number; None: there are several."""
        self._auth: Any = None

    def sent(self, text: str) -> None:
        """A client sent a frame, perhaps a malformed one."""
        match = _FRAME.fullmatch(text)
        if not match:
            return
        try:
            event = json.loads(match[3])
        except (ValueError, RecursionError):
            event = None
        if match[1] == "0":
            self._auth = event
        elif match[1] != "2" or not match[2]:
            return
        elif match[2] in self._asked:
            self._asked[match[2]] = None
        elif isinstance(event, list) and event and isinstance(event[0], str):
            self._asked[match[2]] = event

    def received(self, text: str) -> None:
        """The server sent a frame."""
        match = _FRAME.fullmatch(text)
        if not match:
            return
        kind, number, rest = match.groups()
        try:
            values = json.loads(rest or "null", parse_int=float)  # int() bounds the digits
        except ValueError:
            found.add([f"the server sent no JSON: {text[:MOST_SHOWN]}"])
            return
        if kind == "2":
            self._heard(*values)
        elif kind == "3":
            self._answered(number, *values)
        elif kind == "4":
            self.judged += 1
            refused(values)

    def _heard(self, event: str, payload: Any = None, *more: Any) -> None:
        self.judged += 1
        heard(event, payload)
        if more:
            found.add([f"{HEARD} {event}: more than one argument"])
        if event == "welcome":
            introduced(self._auth)

    def _answered(self, number: str, answer: Any = None) -> None:
        asked = self._asked.get(number)
        if asked:
            del self._asked[number]
            event, *payload = asked
            self.judged += 1
            answered(event, payload[0] if payload else None, answer)
