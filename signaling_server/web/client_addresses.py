"""`GET /api/addresses` and `/api/qr`: the addresses to give to clients, and as QR codes."""

from __future__ import annotations

from typing import Any, Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from signaling_server.web import qr
from signaling_server.web.access import Refusal, bearer
from signaling_server.web.api import NO_STORE, unauthorized

RETRY = {"Retry-After": "1"}


def routes(
    refusal: Callable[[web.Request], Awaitable[Refusal | None]],
    enabled: Callable[[], bool],
    report: Callable[[], dict[str, Any]],
) -> list[web.RouteDef]:
    """The routes. They are 404 unless `enabled()`, and 401 where `refusal(request)` is not None.

    `report()` is {places: [{url, kind, interface}], note, room}: where clients connect now.
    You must call this in the event loop that serves the routes.
    """
    codes = qr.QrCodes()

    async def addresses(request: web.Request) -> web.Response:
        if not enabled():
            raise web.HTTPNotFound
        refused = await refusal(request)
        if refused:
            return unauthorized(refused)
        return web.json_response({**report(), "qr": qr.available()}, headers=NO_STORE)

    async def code(request: web.Request) -> web.Response:
        """`url` must be one of this server's own; `token`: with the token of this request."""
        if not enabled() or not qr.available():
            raise web.HTTPNotFound
        refused = await refusal(request)
        if refused:
            return unauthorized(refused)
        url = request.query.get("url", "")
        hosts = {request.host, *(urlsplit(place["url"]).netloc for place in report()["places"])}
        if not qr.is_own(url, hosts):
            text = f"url must be one of this server, of at most {qr.MOST_CHARACTERS} characters\n"
            raise web.HTTPBadRequest(text=text)
        # In the fragment, which no browser sends: so no proxy writes it into its log.
        token = f"#token={bearer(request)}" if "token" in request.query else ""
        try:
            image = await codes.svg(url.partition("#")[0] + token)
        except qr.TooMany:
            raise web.HTTPServiceUnavailable(headers=RETRY) from None
        return web.Response(body=image, content_type="image/svg+xml", headers=NO_STORE)

    return [web.get("/api/addresses", addresses), web.get("/api/qr", code)]
