"""Who may see the server's status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from signaling_server.errors import Rejection

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Tokens


def may_see_status(request: web.Request, tokens: Tokens | None, wall_clock: float) -> bool:
    """Everyone if tokens are off; otherwise holders of a token with `can: [status]`.

    The token comes as a bearer token in the Authorization header (RFC 6750, 2.1).
    """
    if tokens is None:
        return True
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        grant = tokens.check(token.strip() if scheme.lower() == "bearer" else None, wall_clock)
    except Rejection:
        return False
    return "status" in grant.can
