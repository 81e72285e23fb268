"""Who may connect.

A client is judged three times, because more is known each time and each verdict can be told in
another way:

1. `refusal`, at the HTTP handshake, from the URL alone: is there room for another connection, and
   would the relay admit the name in the URL? A temporary refusal (`server-full`, `name-in-use`)
   is an HTTP 503, the only verdict after which every official client tries again.
2. `identify`, at CONNECT, with `auth`: which peer is it, and does its token allow that? A permanent
   refusal (PERMANENT) is a connect error, after which clients stay away. The handshake cannot
   judge this, because `auth` comes only with CONNECT.
3. Relay.handle(Joined), right after that: may this peer enter this room now? The handshake's
   verdict may be seconds old, and it knew only the URL. It is too late for a 503, so a temporary
   refusal is an `error` event and a closed connection (closing.py), and the client reconnects.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Callable

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.fleet.joining import is_voucher
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.hello import Hello, parse_hello, parse_token
from signaling_server.core.protocol.joins import Joins
from signaling_server.core.protocol.limits import Penalties
from signaling_server.core.protocol.query import fields_of
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.token_expiry import expiring
from signaling_server.errors import Rejection
from signaling_server.transport.engine.polling import query_of
from signaling_server.transport.namer import Namer

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant

PERMANENT = frozenset({"unauthorized", "invalid-name", "invalid-format"})
"""Rejections at connect after which a client stays away: Socket.IO connect errors."""


class Admission:
    """The first two of the three judges. `count` tells how many connections there are, `pulse`
    whether the client of one of them, given its sid, seems to be there.

    Strangers are not among the connections (entrance.py): they have a limit of their own.
    """

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        count: Callable[[], int],
        pulse: Callable[[str | None], Pulse] = lambda sid: Pulse.LIVES,
    ) -> None:
        self._settings = settings
        self._relay = relay
        self._namer = Namer(settings)
        self._count = count
        self._pulse = pulse
        self._penalties = Penalties()
        self._joins = Joins()
        self._by_address: Counter[str] = Counter()
        self.closing = False
        """Whether the server stops: nobody may connect."""

    def opened(self, address: str) -> None:
        """Count a connection from an address."""
        self._by_address[address] += 1

    def ended(self, address: str) -> None:
        """Count it no longer."""
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]

    def refusal(self, request: web.Request) -> tuple[Rejection, Hello] | None:
        """Why the client of a handshake has to wait, and who it is as far as its URL tells."""
        hello = Hello("")
        try:
            self._refuse_if_full(address_of(request))
            hello, grant = self.identify(None, request)
            joined = self.introduce("", hello, address_of(request), "", grant)
            self._relay.admit_early(joined, time.monotonic())
        except Rejection as rejection:
            return None if rejection.code in PERMANENT else (rejection, hello)
        return None

    def _refuse_if_full(self, address: str) -> None:
        if self.closing:
            raise Rejection("shutting-down", "the server is shutting down")
        self.refuse_if_full()
        limits = self._settings.current.limits
        if 0 < limits.connections_per_address <= self._by_address[address]:
            most = limits.connections_per_address
            raise Rejection("server-full", f"at most {most} connections from one address")

    def refuse_if_full(self) -> None:
        """Raise the Rejection of a server that has as many connections as it may have."""
        limits = self._settings.current.limits
        if self._count() >= limits.connections:
            raise Rejection("server-full", f"the server has {limits.connections} connections")

    def wait_for_turn(self, room_name: str) -> float:
        """Seconds after which a client may join a room that is crowded; raises Rejection."""
        room = self._relay.rooms.get(room_name)
        return self._joins.wait(len(room.peers) if room else 0, time.monotonic())

    def vouches(self, query: str) -> bool:
        """Whether the token in a URL's query is valid, so that its bearer is no stranger."""
        tokens = self._settings.tokens
        if tokens is None:
            return False
        fields, default = fields_of(query), self._settings.current.rooms.default
        try:
            hello, token = parse_hello(None, fields, ""), parse_token(None, fields)
            tokens.admit(hello, token, default, time.time())
        except Rejection:
            return False
        return True

    def identify(self, auth: Any, request: web.Request) -> tuple[Hello, Grant | None]:
        """Who a client is, and by which grant; raises Rejection."""
        fields = fields_of(query_of(request))
        hello = parse_hello(auth, fields, "")
        default, tokens = self._settings.current.rooms.default, self._settings.tokens
        if tokens is not None:  # every token binds a name
            return tokens.admit(hello, parse_token(auth, fields), default, time.time())
        hello = self._namer.complete(hello, request, address_of(request))
        return hello._replace(room=hello.room or default), None

    def introduce(
        self, sid: str, hello: Hello, address: str, transport: str, grant: Grant | None
    ) -> Joined:
        """A client as the relay is asked to admit it, under the name that it may have."""
        holder = self._pulse(self._relay.holder_of(hello))
        joined = Joined(sid, hello, address, transport, holder=holder, grant=grant)
        return self._relay.settled(joined._replace(token_expires=self._expires_soon(grant)))

    def _expires_soon(self, grant: Grant | None) -> int | None:
        """Seconds until a token expires, if that is soon."""
        tokens = self._settings.tokens
        if tokens is None or grant is None:
            return None
        soon = expiring({grant: tokens.seconds_left(grant, time.time())})
        return int(soon[grant]) if soon else None

    def penalty(self, address: str) -> float:
        """Count a failed log-in from an address; returns the seconds until its verdict is due."""
        return self._penalties.failed(address, time.monotonic())

    def may_stay(self, grant: Grant | None) -> bool:
        """Whether a client that connected with this grant could connect again."""
        tokens = self._settings.tokens
        if tokens is None or (grant is not None and is_voucher(grant)):
            return True  # the host that vouched for it watches its token
        return grant is not None and tokens.still_grants(grant)


def address_of(request: web.Request) -> str:
    """Where a client is; web/callers.py has seen to it that this holds behind a proxy, too."""
    return request.remote or ""
