"""`GET /healthz`: is it running, and how many are here."""

from __future__ import annotations

from typing import Any, Callable

from aiohttp import web


def routes(health: Callable[[web.Request], dict[str, Any]]) -> list[web.RouteDef]:
    """The routes; `health` gives the body of /healthz for who asks."""

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response(health(request), headers={"Cache-Control": "no-store"})

    return [web.get("/healthz", healthz)]
