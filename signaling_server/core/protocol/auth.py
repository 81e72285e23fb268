"""Tokens: who may connect, under which name, to which rooms.

A token is `hs_<id>_<secret>`; the server's file holds the id and the SHA-256 of the whole token, so
that nobody who reads the file can connect. A token is looked up by its id and compared in constant
time. A slow hash is for passwords; nobody guesses 32 random bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Iterable, NamedTuple

from signaling_server.core.protocol.hello import Hello
from signaling_server.errors import Rejection

SECRET_BYTES = 32
ID_BYTES = 5
"""A token's id is 8 characters of base 32: enough to tell a fleet's tokens apart."""

PROBE_ROOM_PREFIX, PROBE_ROOM_BYTES = "probe-", 16
_PROBE_ROOM = re.compile(f"{PROBE_ROOM_PREFIX}[0-9a-f]{{{2 * PROBE_ROOM_BYTES}}}")
"""The room of one test: nobody guesses it, so every token for signaling is valid there."""

_TOKEN = re.compile(r"hs_([a-z0-9]{1,32})_[A-Za-z0-9_-]{43}")


def is_probe_room(room: str) -> bool:
    """Whether a room is one of the probe's or the call test's own."""
    return _PROBE_ROOM.fullmatch(room) is not None


class Grant(NamedTuple):
    """What one token allows."""

    id: str
    sha256: str
    name: str
    role: str | None = None
    rooms: tuple[str, ...] = ()
    """Empty: every room."""
    can: tuple[str, ...] = ("signal",)
    expires: float | None = None
    """Seconds since 1970; None: never."""


class Tokens:
    """The valid tokens. `released` is the build date, in seconds since 1970.

    A clock that says it is earlier than that has not been set yet (a drone without an RTC wakes up
    in 1970): until it is set, the expiry of tokens is not checked.
    """

    def __init__(self, grants: Iterable[Grant], released: float) -> None:
        self._grants = {grant.id: grant for grant in grants}
        self._released = released

    def __len__(self) -> int:
        return len(self._grants)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What each of them allows."""
        return tuple(self._grants.values())

    def beside(self, more: Iterable[Grant]) -> Tokens:
        """These tokens and more; of two with one id, these count."""
        more = tuple(more)
        return Tokens((*more, *self.grants), self._released) if more else self

    def check(self, token: str | None, wall_clock: float) -> Grant:
        """The grant of a token; raises Rejection `unauthorized`."""
        if not token:
            raise Rejection("unauthorized", "this server requires a token")
        parts = _TOKEN.fullmatch(token)
        grant = self._grants.get(parts[1]) if parts else None
        # Compared even if there is no such id: the time taken must not reveal which ids exist.
        expected = grant.sha256 if grant else "0" * 64
        same = hmac.compare_digest(digest(token), expected)
        if grant is None or not same:
            raise Rejection("unauthorized", "unknown token")
        left = self.seconds_left(grant, wall_clock)
        if left is not None and left <= 0:
            raise Rejection("unauthorized", "the token has expired")
        return grant

    def admit(
        self, hello: Hello, token: str | None, default_room: str, wall_clock: float
    ) -> tuple[Hello, Grant]:
        """Identify a client by its token, and what that allows; raises Rejection `unauthorized`."""
        grant = self.check(token, wall_clock)
        return bind(hello, grant, default_room), grant

    def seconds_left(self, grant: Grant, wall_clock: float) -> float | None:
        """Seconds until a token expires; None: never, or the clock is not set."""
        if grant.expires is None or wall_clock < self._released:
            return None
        return grant.expires - wall_clock

    def still_grants(self, grant: Grant) -> bool:
        """Whether a grant is still valid and unchanged."""
        return self._grants.get(grant.id) == grant


def bind(hello: Hello, grant: Grant, default_room: str) -> Hello:
    """The hello with what the grant prescribes; raises Rejection `unauthorized`."""
    if "signal" not in grant.can:
        raise Rejection("unauthorized", "the token is not for signaling")
    if is_probe_room(hello.room):
        return hello
    if hello.name not in (None, grant.name):
        raise Rejection("unauthorized", "the token is for another name")
    room = hello.room or (default_room if _allows(grant, default_room) else grant.rooms[0])
    if not _allows(grant, room):
        raise Rejection("unauthorized", "the token is not for this room")
    return hello._replace(room=room, name=grant.name, role=grant.role or hello.role)


def _allows(grant: Grant, room: str) -> bool:
    return not grant.rooms or room in grant.rooms


def digest(token: str) -> str:
    """What the file holds of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token(randomness: bytes) -> tuple[str, str]:
    """A token and its id, of ID_BYTES + SECRET_BYTES random bytes."""
    token_id = base64.b32encode(randomness[:ID_BYTES]).decode().lower()
    secret = base64.urlsafe_b64encode(randomness[ID_BYTES:]).decode().rstrip("=")
    return f"hs_{token_id}_{secret}", token_id
