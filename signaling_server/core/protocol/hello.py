"""Who a client says it is: the `auth` of its CONNECT and the query of its URL -> a Hello."""

from __future__ import annotations

import hashlib
from typing import Any, Mapping, NamedTuple, Sequence

from signaling_server.core.names import NAME, NAME_RULE
from signaling_server.errors import Rejection

MAX_ROLE = 64
MAX_SESSION = 128
MAX_SEEN = 2**52
"""Half of the largest number that JavaScript counts to exactly: numbers go on from `seen`."""


class Hello(NamedTuple):
    """What a client says about itself when it connects."""

    room: str
    name: str | None = None
    role: str | None = None
    session: str | None = None
    """The hash of the random key that the client makes once per run of its program. The key itself
    is a secret, and goes no further than `parse_hello`."""
    seen: int = 0
    """The last `seq` it saw in this session."""
    by_rule: str | None = None
    """The rule that gave the name, such as `names[0]`; None: it has none, or brought its own."""


def session_hash(session: str) -> str:
    """What others see of a session key: the same after a restart of the server, and no way back."""
    return hashlib.sha256(
        b"hawkeye-signaling session " + session.encode("utf-8", "surrogatepass")
    ).hexdigest()[:32]


def parse_token(auth: Any, query: Mapping[str, Sequence[str]]) -> str | None:
    """The token, from `auth.token` or else the query."""
    token = auth.get("token") if isinstance(auth, dict) else None
    if isinstance(token, str) and token:
        return token
    return next((text for text in query.get("token", ()) if text), None)


def parse_hello(auth: Any, query: Mapping[str, Sequence[str]], default_room: str) -> Hello:
    """Read room, name and role from `auth` or else the query; session and seen from `auth` alone.

    `query` is what urllib.parse.parse_qs returns. Empty counts as absent; of duplicates the first
    counts; an `auth` that is no object is meant for another server, and ignored. Raises Rejection:
    `invalid-name` for room, name and role, `invalid-format` for session and seen.
    """
    fields: Mapping[str, Any] = auth if isinstance(auth, dict) else {}

    def field(key: str) -> Any:
        value = fields.get(key)
        if value is None or value == "":
            value = next((text for text in query.get(key, ()) if text), None)
        return value

    room, name, role = field("room"), field("name"), field("role")
    for what, value in (("room", room), ("name", name)):
        if value is not None and not (isinstance(value, str) and NAME.fullmatch(value)):
            raise Rejection("invalid-name", f"a {what} must be {NAME_RULE}")
    if role is not None and not (
        isinstance(role, str) and len(role) <= MAX_ROLE and role.isprintable()
    ):
        raise Rejection("invalid-name", f"a role must be at most {MAX_ROLE} printable characters")

    session, seen = fields.get("session") or None, fields.get("seen") or 0
    if session is not None and not (isinstance(session, str) and len(session) <= MAX_SESSION):
        most = f"at most {MAX_SESSION} characters"
        raise Rejection("invalid-format", f"auth.session must be text of {most}")
    if type(seen) is not int or not 0 <= seen <= MAX_SEEN:
        raise Rejection("invalid-format", "auth.seen must be a whole number (the last seq you saw)")
    public = session_hash(session) if session else None
    return Hello(room or default_room, name, role, public, seen)
