"""`GET /` and `GET /healthz`: is it running, and how many are here."""

from __future__ import annotations

from typing import Any, Callable

from aiohttp import web

RUNNING = "WebRTC Signaling Server is running"


def routes(health: Callable[[web.Request], dict[str, Any]]) -> list[web.RouteDef]:
    """The routes; `health` gives the body of /healthz for who asks."""

    async def index(request: web.Request) -> web.Response:
        return web.Response(text=RUNNING)

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response(health(request), headers={"Cache-Control": "no-store"})

    return [web.get("/", index), web.get("/healthz", healthz)]
