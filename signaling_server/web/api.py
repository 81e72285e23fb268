"""`GET /api/status` and `GET /metrics`: how the server is, for programs."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from aiohttp import web

from signaling_server.core.reporting.metrics import CONTENT_TYPE

NO_STORE = {"Cache-Control": "no-store"}


def routes(
    may_see: Callable[[web.Request], bool],
    enabled: Callable[[], bool],
    status: Callable[[], dict[str, Any]],
    metrics: Callable[[], Awaitable[str]],
) -> list[web.RouteDef]:
    """The routes; who may not see gets 401, and while not `enabled` nobody finds /api/status."""

    def refusal() -> web.Response:
        # RFC 6750, section 3
        error = {"error": "a token that may see the status is needed: Authorization: Bearer"}
        headers = {"WWW-Authenticate": "Bearer", **NO_STORE}
        return web.json_response(error, status=401, headers=headers)

    async def api_status(request: web.Request) -> web.Response:
        if not enabled():
            raise web.HTTPNotFound
        if not may_see(request):
            return refusal()
        return web.json_response(status(), headers=NO_STORE)

    async def prometheus(request: web.Request) -> web.Response:
        if not may_see(request):
            return refusal()
        page = await metrics()
        return web.Response(body=page.encode(), headers={"Content-Type": CONTENT_TYPE, **NO_STORE})

    return [web.get("/api/status", api_status), web.get("/metrics", prometheus)]
