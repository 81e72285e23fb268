"""Who may come in: before there is a connection, and when a client says who it is."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import parse_qs

from aiohttp import web

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.hello import Hello, parse_hello, parse_token
from signaling_server.core.protocol.limits import Penalties
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.engine.polling import query_of

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant, Tokens

PERMANENT = frozenset({"unauthorized", "invalid-name", "invalid-format"})
"""Refusals at connect after which a client stays away: Socket.IO connect errors."""


class Admission:
    """The rules at the door. `count` tells how many connections there are."""

    def __init__(
        self,
        settings: Config,
        tokens: Tokens | None,
        relay: Relay,
        count: Callable[[], int],
    ) -> None:
        self._relay = relay
        self._count = count
        self._penalties = Penalties()
        self._by_address: Counter[str] = Counter()
        self.closing = False
        """The server stops: nobody comes in any more."""
        self.reconfigure(settings, tokens)

    def reconfigure(self, settings: Config, tokens: Tokens | None) -> None:
        """Go on with new rules."""
        self._config = settings
        self._tokens = tokens

    def opened(self, address: str) -> None:
        """A connection from an address counts from now on."""
        self._by_address[address] += 1

    def ended(self, address: str) -> None:
        """It counts no more."""
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]

    def refusal(self, request: web.Request) -> tuple[Rejection, Hello] | None:
        """Why the client of a handshake has to wait, and who it is, as far as its URL tells."""
        hello = Hello("")
        try:
            self._refuse_if_full(address_of(request))
            hello, _ = self.identify(None, query_of(request))
            self._relay.admit_early(hello, time.monotonic())
        except Rejection as rejection:
            return None if rejection.code in PERMANENT else (rejection, hello)
        return None

    def _refuse_if_full(self, address: str) -> None:
        if self.closing:
            raise Rejection("shutting-down", "the server is shutting down")
        limits = self._config.limits
        if self._count() >= limits.connections:
            raise Rejection("server-full", f"the server has {limits.connections} connections")
        if 0 < limits.connections_per_address <= self._by_address[address]:
            most = limits.connections_per_address
            raise Rejection("server-full", f"{most} connections come from this address already")

    def identify(self, auth: Any, query: str) -> tuple[Hello, Grant | None]:
        """Who a client is, and by which grant; raises Rejection."""
        fields = parse_qs(query)
        default = self._config.rooms.default
        if self._tokens is None:
            return parse_hello(auth, fields, default), None
        hello, token = parse_hello(auth, fields, ""), parse_token(auth, fields)
        return self._tokens.admit(hello, token, default, time.time())

    def penalty(self, address: str) -> float:
        """Seconds that a failed log-in from an address waits for its answer."""
        return self._penalties.failed(address, time.monotonic())

    def may_stay(self, grant: Grant | None) -> bool:
        """Whether a client that came in by this grant would come in again."""
        return self._tokens is None or (grant is not None and self._tokens.still_grants(grant))


def address_of(request: web.Request) -> str:
    """Where a client is. X-Forwarded headers are not believed: anyone can send them."""
    return request.remote or ""
