"""`GET /healthz`, `/readyz`, `/api/status`, `/metrics`: the state of the server, for programs."""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable

from aiohttp import web

from signaling_server.core.protocol.scope import Scope
from signaling_server.core.reporting.metrics import CONTENT_TYPE
from signaling_server.web.access import MISSING, Refusal
from signaling_server.web.once_a_second import OnceASecond, OnceForEachScope

NO_STORE = {"Cache-Control": "no-store"}


def routes(
    *,
    refusal: Callable[[web.Request], Awaitable[Refusal | None]],
    scope: Callable[[web.Request], Scope],
    status_enabled: Callable[[], bool],
    health: Callable[[bool], dict[str, Any]],
    unready: Callable[[], str],
    status: Callable[[Scope], dict[str, Any]],
    metrics: Callable[[], Awaitable[str]],
) -> list[web.RouteDef]:
    """The routes. /api/status and /metrics answer 401 where `refusal(request)` is not None.

    `health(detailed)` is the body of /healthz, which everyone may ask, as /readyz, which is 503
    while `unready()` says why. `status(scope)` is that of /api/status, which is 404 unless
    `status_enabled()`, for a caller who may see the rooms of `scope(request)`; `metrics()` that of
    /metrics. The last two are called at most once a second, `status` so for each scope. You must
    call this in the event loop that serves the routes.
    """

    async def status_body(seen: Scope) -> bytes:
        return json.dumps(status(seen)).encode()

    async def metrics_body() -> bytes:
        return (await metrics()).encode()

    status_page, metrics_page = OnceForEachScope(status_body), OnceASecond(metrics_body)

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response(health(await refusal(request) is None), headers=NO_STORE)

    async def readyz(request: web.Request) -> web.Response:
        reason = unready()
        status, text = (503, reason) if reason else (200, "ready")
        return web.json_response({"status": text}, status=status, headers=NO_STORE)

    async def api_status(request: web.Request) -> web.Response:
        if not status_enabled():
            raise web.HTTPNotFound
        refused = await refusal(request)
        if refused:
            return unauthorized(refused)
        return _page(await status_page(scope(request)), "application/json; charset=utf-8")

    async def prometheus(request: web.Request) -> web.Response:
        refused = await refusal(request)
        if refused:
            return unauthorized(refused)
        return _page(await metrics_page(), CONTENT_TYPE)

    return [
        web.get("/healthz", healthz),
        web.options("/healthz", no_content),
        web.get("/readyz", readyz),
        web.get("/api/status", api_status),
        web.get("/metrics", prometheus),
    ]


async def no_content(request: web.Request) -> web.Response:
    """The answer to OPTIONS (RFC 9110, 9.3.7): haproxy's default health check asks it of `/`."""
    return web.Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS"})


def _page(body: bytes, content_type: str) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": content_type, **NO_STORE})


def unauthorized(refused: Refusal) -> web.Response:
    """The answer to those who may not (RFC 6750, section 3).

    Section 3.1: the challenge to a request without a token has no error code.
    """
    challenge = "Bearer" if refused == MISSING else f'Bearer error="{refused.code}"'
    body = {"error": refused.text, "code": refused.code}
    headers = {"WWW-Authenticate": challenge, **NO_STORE}
    return web.json_response(body, status=401, headers=headers)
