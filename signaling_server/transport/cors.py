"""Which page may read an answer of the Socket.IO path: CORS (https://fetch.spec.whatwg.org/)."""

from __future__ import annotations

from aiohttp import web

from signaling_server.core.config.schema import SocketIOSettings


def allowed_origin(request: web.Request, options: SocketIOSettings) -> str | None:
    """The origin to put into Access-Control-Allow-Origin; None: there is none, or a foreign one."""
    origin = request.headers.get("Origin")
    allowed = options.cors_allowed_origins
    if isinstance(allowed, str):
        allowed = (allowed,)
    return origin if "*" in allowed or origin in allowed else None


def foreign(request: web.Request, options: SocketIOSettings) -> bool:
    """Whether a page asks that may not."""
    return "Origin" in request.headers and allowed_origin(request, options) is None
