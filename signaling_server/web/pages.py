"""The pages for people (`/status`, `/call`, `/gcom`, `/help`), and the files they are made of."""

from __future__ import annotations

import asyncio
import html
import time
from pathlib import Path
from typing import Callable

from aiohttp import web

from signaling_server.web.api import no_content
from signaling_server.web.once_a_second import SECONDS

RUNNING = "WebRTC Signaling Server is running"
FOLDER = Path(__file__).with_name("static")
DOCUMENT = FOLDER.parents[2] / "docs/troubleshooting.md"
"""In a checkout; an installed package contains what was made of it (HELP)."""
HELP = FOLDER / "vendor/help.html"
FILES = {
    "addresses.js": "text/javascript",
    "call.js": "text/javascript",
    "gcom.js": "text/javascript",
    "fleet.js": "text/javascript",
    "hawkeye-signaling.js": "text/javascript",
    "headline.js": "text/javascript",
    "history.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "rooms.js": "text/javascript",
    "socket.io.js": "text/javascript",
    "status.css": "text/css",
    "status.js": "text/javascript",
    "token.js": "text/javascript",
    "vendor/socket.io.esm.js": "text/javascript",
    "vendor/socket.io.js": "text/javascript",
}
"""The files under /static. A table, so that no path of a client's making reaches the disk."""
VENDORED = {"socket.io.js": "vendor/socket.io.js"}
"""Where a file is that is served under another name as well."""
STATUS_NEEDS_TOKEN = "This server requires a token. From a shell: hawkeye-signaling status"
SHARED = ("hawkeye-signaling.js", "vendor/socket.io.esm.js", "vendor/socket.io.js")
"""What a page of any origin may import; whether it may connect is another matter."""
HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks each time, so that it sees an upgrade at once
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(
    enabled: Callable[[], bool],
    socketio_path: str,
    status_lines: Callable[[], list[str] | None],
    clock: Callable[[], float] = time.monotonic,
) -> list[web.RouteDef]:
    """The routes. Unless `enabled()`, all is 404 but `/`, which is then plain text.

    `socketio_path` is where the pages connect to. `status_lines()` is the status as text, for
    browsers without JavaScript; None if it takes a token to see it. It is called at most once a
    second.
    """

    built, built_at = "", float("-inf")

    def show_status() -> web.Response:
        """The page; it asks for the state itself, so that the text in it may be a second old."""
        nonlocal built, built_at
        if clock() - built_at >= SECONDS:
            found, built_at = status_lines(), clock()
            text = STATUS_NEEDS_TOKEN if found is None else "\n".join(found)
            page = (FOLDER / "status.html").read_text(encoding="utf-8")
            built = page.replace("STATUS_TEXT", html.escape(text))
        headers = {**HEADERS, "Vary": "Accept"}
        return web.Response(text=built, content_type="text/html", headers=headers)

    async def index(request: web.Request) -> web.StreamResponse:
        if enabled() and "text/html" in request.headers.get("Accept", ""):
            return show_status()
        return web.Response(text=RUNNING, headers={"Vary": "Accept"})

    async def status(request: web.Request) -> web.StreamResponse:
        _not_found_unless(enabled())
        return show_status()

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

    async def show_help(request: web.Request) -> web.StreamResponse:
        _not_found_unless(enabled())
        content = await asyncio.get_running_loop().run_in_executor(None, _help)
        page = (FOLDER / "help.html").read_text(encoding="utf-8").replace("<!-- HELP -->", content)
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
        web.get("/help", show_help),
        web.get("/static/{name:.+}", static),
    ]


def _help() -> str:
    """The content of the help page; raises HTTPNotFound."""
    if HELP.is_file():
        return HELP.read_text(encoding="utf-8")
    _not_found_unless(DOCUMENT.is_file())
    from signaling_server.web.help_page import help_html  # the package contains what it makes

    return help_html(DOCUMENT.read_text(encoding="utf-8"))


def _file(name: str, content_type: str) -> web.StreamResponse:
    path = FOLDER / name
    _not_found_unless(path.is_file())
    path.open("rb").close()  # raises now, not halfway, if no descriptor is left (site.py)
    charset = f"{content_type}; charset=utf-8"
    return web.FileResponse(path, headers={**HEADERS, "Vary": "Accept", "Content-Type": charset})


def _not_found_unless(served: bool) -> None:
    if not served:
        raise web.HTTPNotFound
