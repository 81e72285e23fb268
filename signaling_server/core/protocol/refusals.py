"""Clients that are refused before they are clients: counted, and the last ones kept with advice.

An operator in front of a black screen has one question: why does it not connect? Each code has
a sentence that says why, and one that says what to do.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Collection, Mapping, NamedTuple, Sequence

LAST = 20
"""Refusals that are kept: what a person reads."""
MAX_SHOWN = 64
"""Characters that are shown of what a caller sent."""
MAX_DETAIL = 300
"""Characters of a detail that are kept."""


class Reason(NamedTuple):
    """Why clients are refused under a code, and what to do."""

    why: str
    advice: str


REASONS: dict[str, Reason] = {
    "old-client": Reason(
        "Socket.IO client 1.x or 2.x (EIO=3)",
        "use 3 or newer: socket.io-client 4, python-socketio 5",
    ),
    "transport-off": Reason(
        "its transport is turned off here",
        "use another one, or add it to socketio.transports",
    ),
    "upgrade-lost": Reason(
        "a WebSocket request came without its Upgrade header, so a proxy in between took it away",
        "let the proxy pass Upgrade and Connection on, as docs/proxies.md shows",
    ),
    "foreign-origin": Reason(
        "its page is from a foreign origin",
        "add the origin to socketio.cors_allowed_origins, or open the page from this server",
    ),
    "foreign-host": Reason(
        "its browser calls this server by a name that is not its own",
        "use its address, or add the name to listen.names",
    ),
    "unknown-namespace": Reason(
        "it asks for a Socket.IO namespace that is not there",
        "connect to http://HOST:PORT/ without a path; path is an option of its own",
    ),
    "jsonp": Reason(
        "it polls by JSONP, with which a page of any origin could open a session",
        "use WebSocket or ordinary polling: turn forceJSONP off",
    ),
    "proxy-protocol": Reason(
        "a proxy speaks the PROXY protocol",
        "turn it off there (haproxy: send-proxy), and let it send X-Forwarded-For instead",
    ),
    "tls-on-plain-port": Reason(
        "it speaks TLS, and this port does not",
        "use http:// and ws://, or set tls.certificate and tls.private_key",
    ),
    "plain-on-tls-port": Reason(
        "it speaks plain HTTP, and this port speaks TLS",
        "use https:// and wss://",
    ),
}
"""By code; the codes are those of the counters in /metrics."""


def reason_of(code: str, detail: str = "") -> Reason:
    """The reason of a code; `detail` is why in this case, in place of the code's own sentence."""
    reason = REASONS[code]
    return reason._replace(why=detail[:MAX_DETAIL] or reason.why)


class Refusal(NamedTuple):
    """The refusals of one address under one code."""

    at: float
    """The last one, on the clock of `note`."""
    address: str
    code: str
    why: str
    advice: str
    times: int

    @property
    def sentence(self) -> str:
        """Why, and what to do."""
        return f"{self.why}; {self.advice}"


class Refusals:
    """Counts by code, and the last `LAST` callers that were refused."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(REASONS, 0)
        self._last: OrderedDict[tuple[str, str], Refusal] = OrderedDict()

    def note(self, code: str, address: str, at: float, detail: str = "") -> Refusal:
        """Count a refusal; `detail` is why in this case, in place of the code's own sentence.

        `code` is one of REASONS; `detail` is one line in which what the caller sent is escaped.
        """
        self.counts[code] += 1
        before = self._last.pop((address, code), None)
        times = before.times + 1 if before else 1
        reason = reason_of(code, detail)
        refusal = Refusal(at, address, code, *reason, times)
        self._last[address, code] = refusal
        if len(self._last) > LAST:
            self._last.popitem(last=False)
        return refusal

    def last(self) -> list[Refusal]:
        """The last ones, newest first."""
        return list(reversed(self._last.values()))


def handshake_fault(
    query: Mapping[str, Sequence[str]], upgrades: bool, transports: Collection[str]
) -> tuple[str, str] | None:
    """(code, detail) if a request comes from a client of the wrong kind.

    `query` is what urllib.parse.parse_qs returns; `upgrades`: whether it asks for a WebSocket;
    `transports` is `socketio.transports`.
    """
    if "j" in query:
        return "jsonp", ""
    version = query.get("EIO", ["none"])[0]
    if version != "4" and not query.get("sid"):
        return "old-client", "" if version in ("1", "2", "3") else _NO_VERSION
    transport = query.get("transport", ["polling"])[0]
    if transport not in transports:
        return "transport-off", f"its transport {shown(transport)} is turned off here, or unknown"
    return ("upgrade-lost", "") if transport == "websocket" and not upgrades else None


_NO_VERSION = "no Socket.IO client: its request names no version that is known (EIO=4)"


def shown(text: str) -> str:
    """What a caller sent, cut and escaped, so that it cannot control a log or a terminal."""
    return json.dumps(text[:MAX_SHOWN])


_PROXY_V1 = b"PROXY "
_PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
"""Signatures of the PROXY protocol, sections 2.1 and 2.2 of its specification."""
_TLS = b"\x16\x03"
"""A handshake record of TLS 1.0 or newer (RFC 8446 5.1)."""
_HTTP = tuple(
    f"{method} ".encode()
    for method in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE")
)


def first_bytes(data: bytes, tls: bool) -> str:
    """The code for who begins a connection so, or "" if nothing is wrong with it (yet).

    `tls`: whether this port speaks TLS. Give what came so far, 12 bytes or more if there are.
    """
    if data.startswith((_PROXY_V1, _PROXY_V2)):
        return "proxy-protocol"
    if tls:
        return "plain-on-tls-port" if data.startswith(_HTTP) else ""
    return "tls-on-plain-port" if data.startswith(_TLS) else ""
