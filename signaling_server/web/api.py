"""`GET /healthz`, `/api/status` and `/metrics`: the state of the server, for programs."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from aiohttp import web

from signaling_server.core.reporting.metrics import CONTENT_TYPE

NO_STORE = {"Cache-Control": "no-store"}


def routes(
    *,
    may_see_status: Callable[[web.Request], bool],
    status_enabled: Callable[[], bool],
    health: Callable[[bool], dict[str, Any]],
    status: Callable[[], dict[str, Any]],
    metrics: Callable[[], Awaitable[str]],
) -> list[web.RouteDef]:
    """The routes. /api/status and /metrics answer 401 to those who may not see the status.

    `health(detailed)` is the body of /healthz, which everyone may ask; `status()` that of
    /api/status, which is 404 unless `status_enabled()`; `metrics()` that of /metrics.
    """

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response(health(may_see_status(request)), headers=NO_STORE)

    async def api_status(request: web.Request) -> web.Response:
        if not status_enabled():
            raise web.HTTPNotFound
        if not may_see_status(request):
            return _unauthorized()
        return web.json_response(status(), headers=NO_STORE)

    async def prometheus(request: web.Request) -> web.Response:
        if not may_see_status(request):
            return _unauthorized()
        page = await metrics()
        return web.Response(body=page.encode(), headers={"Content-Type": CONTENT_TYPE, **NO_STORE})

    return [
        web.get("/healthz", healthz),
        web.options("/healthz", no_content),
        web.get("/api/status", api_status),
        web.get("/metrics", prometheus),
    ]


async def no_content(request: web.Request) -> web.Response:
    """The answer to OPTIONS (RFC 9110, 9.3.7): haproxy's default health check asks it of `/`."""
    return web.Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS"})


def _unauthorized() -> web.Response:
    """RFC 6750, section 3."""
    error = {"error": "a token with `can: [status]` is required: Authorization: Bearer TOKEN"}
    headers = {"WWW-Authenticate": "Bearer", **NO_STORE}
    return web.json_response(error, status=401, headers=headers)
