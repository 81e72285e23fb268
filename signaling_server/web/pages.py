"""The pages for people: `/` and `/status`, `/call`, `/gcom`, and the files they are made of."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Callable

from aiohttp import web

from signaling_server.web.api import no_content

RUNNING = "WebRTC Signaling Server is running"
FOLDER = Path(__file__).with_name("static")
FILES = {
    "call.js": "text/javascript",
    "gcom.js": "text/javascript",
    "hawkeye-signaling.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "socket.io.js": "text/javascript",
    "status.js": "text/javascript",
    "vendor/socket.io.esm.js": "text/javascript",
}
"""The files under /static. A table, so that no path of a client's making reaches the disk."""
VENDORED = {"socket.io.js": "vendor/socket.io.js"}
"""Files that packaging/fetch-browser-client.sh puts there."""
SHARED = ("hawkeye-signaling.js", "vendor/socket.io.esm.js")
"""ES modules that a page of any origin may import; whether it may connect is another matter."""
HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks each time, so that it sees an upgrade at once
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(enabled: Callable[[], bool], socketio_path: str) -> list[web.RouteDef]:
    """The routes. Unless `enabled()`, all is 404 but `/`, which is then plain text.

    `socketio_path` is where the pages connect to.
    """

    async def index(request: web.Request) -> web.StreamResponse:
        if enabled() and "text/html" in request.headers.get("Accept", ""):
            return _file("status.html", "text/html")
        return web.Response(text=RUNNING, headers={"Vary": "Accept"})

    async def status(request: web.Request) -> web.StreamResponse:
        _not_found_unless(enabled())
        return _file("status.html", "text/html")

    async def call(request: web.Request) -> web.StreamResponse:
        return client("call.html")

    async def gcom(request: web.Request) -> web.StreamResponse:
        return client("gcom.html")

    def client(name: str) -> web.StreamResponse:
        _not_found_unless(enabled())
        page = (FOLDER / name).read_text(encoding="utf-8")
        # Relative, like every URL of the pages: behind a proxy they may be below a prefix.
        page = page.replace("SOCKETIO_PATH", html.escape(socketio_path.lstrip("/")))
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    async def static(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        _not_found_unless(enabled() and name in FILES)
        response = _file(VENDORED.get(name, name), FILES[name])
        if name in SHARED:
            response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return [
        web.get("/", index),
        web.options("/", no_content),
        web.get("/status", status),
        web.get("/call", call),
        web.get("/gcom", gcom),
        web.get("/static/{name:.+}", static),
    ]


def _file(name: str, content_type: str) -> web.StreamResponse:
    path = FOLDER / name
    _not_found_unless(path.is_file())
    path.open("rb").close()  # raises now, not halfway, if no descriptor is left (site.py)
    charset = f"{content_type}; charset=utf-8"
    return web.FileResponse(path, headers={**HEADERS, "Vary": "Accept", "Content-Type": charset})


def _not_found_unless(served: bool) -> None:
    if not served:
        raise web.HTTPNotFound
