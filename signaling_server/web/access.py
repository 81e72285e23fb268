"""Who may see the server's status. Guessing tokens here is as slow as over Socket.IO."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Awaitable, Callable, NamedTuple

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Fact, Rejected
from signaling_server.errors import Rejection

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Tokens


class Refusal(NamedTuple):
    """Why somebody may not see the status."""

    code: str
    """Of RFC 6750, 3.1, or MISSING's own."""
    text: str


INVALID = "invalid_token"
MISSING = Refusal(
    "missing_token", "a token with `can: [status]` is required: Authorization: Bearer TOKEN"
)
FORBIDDEN = Refusal(
    "insufficient_scope", "this token is good, but may not see the status: it needs `can: [status]`"
)


class Access:
    """Everyone if tokens are off; otherwise holders of a token with `can: [status]`.

    The token comes as a bearer token in the Authorization header (RFC 6750, 2.1). A wrong one is
    reported to `observe`, and its answer waits for `penalty(address)` seconds. A request without
    a token guesses nothing: the status page asks so to find out whether it needs one.
    """

    def __init__(
        self,
        settings: Settings,
        penalty: Callable[[str], float],
        observe: Callable[[Fact], None],
        address_of: Callable[[web.Request], str],
        *,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._penalty = penalty
        self._observe = observe
        self._address_of = address_of
        self._wall_clock = wall_clock
        self._sleep = sleep

    async def may_see_status(self, request: web.Request) -> bool:
        """Whether the caller may; the answer to a wrong token takes its time."""
        return await self.refusal(request) is None

    async def refusal(self, request: web.Request) -> Refusal | None:
        """Why the caller may not, or None; the answer to a wrong token takes its time."""
        tokens = self._settings.tokens
        token = bearer(request)
        if tokens is None:
            return None
        if not token:
            return MISSING
        try:
            check(tokens, token, self._wall_clock())
        except Forbidden as rejection:  # a valid token, for something else: no guess
            self._report(request, rejection)
            return FORBIDDEN
        except Rejection as rejection:
            await self.wrong(request, rejection)
            return Refusal(INVALID, rejection.message)
        return None

    async def wrong(self, request: web.Request, rejection: Rejection) -> None:
        """Record a guess; this takes its time."""
        self._report(request, rejection)
        await self._sleep(self._penalty(self._address_of(request)))

    def _report(self, request: web.Request, rejection: Rejection) -> None:
        message = f"{rejection.message}, for {request.path}"
        self._observe(Rejected("", "", "", self._address_of(request), rejection.code, message))


class Forbidden(Rejection):
    """The token is valid, but not for this."""


def bearer(request: web.Request) -> str:
    """The token of a request; "" if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check(tokens: Tokens, token: str, wall_clock: float) -> None:
    """Raises Rejection unless the token is for the status."""
    if "status" not in tokens.check(token, wall_clock).can:
        raise Forbidden("unauthorized", "the token is not for the status")
