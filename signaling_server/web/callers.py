"""Who asks: the client of a request, also behind a proxy, and whether its page may ask at all.

Every request passes `Callers.judge` before its handler. From there on `request.remote`, `.scheme`
and `.host` are those of the client (core/protocol/forwarded.py), and `allowed_origin` tells which
page may read the answer (core/protocol/origins.py).
"""

from __future__ import annotations

import socket
from typing import Any, Awaitable, Callable, Iterable

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Fact, Refused
from signaling_server.core.protocol.forwarded import Client, client_of, trusted_networks
from signaling_server.core.protocol.hosts import host_refusal, of_browser, own_names
from signaling_server.core.protocol.origins import ANY, AUTO, origin_refusal
from signaling_server.core.protocol.refusals import REASONS

METHODS = "OPTIONS, GET, POST"
"""What a page of an allowed origin may do at the Socket.IO endpoint."""

# Before aiohttp 3.14 there are no typed keys, and from then on a plain string is warned about.
_KEY: Any = getattr(web, "RequestKey", lambda name, type: name)("allowed_origin", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def allowed_origin(request: web.Request) -> str | None:
    """The origin of the page that asks, if it may read the answer: for Access-Control-Allow-Origin.

    None: a page of another origin may not, or no page asks.
    """
    origin: str | None = request.get(_KEY)
    return origin


class Callers:
    """Judges all requests. `certificate_names()` are the host names in the TLS certificate.

    `observe` is called with the fact of each refusal, under a code of refusals.REASONS.
    """

    def __init__(
        self,
        settings: Settings,
        certificate_names: Callable[[], Iterable[str]],
        observe: Callable[[Fact], None],
    ) -> None:
        self._settings = settings
        self._certificate_names = certificate_names
        self._observe = observe
        self._apply()
        settings.subscribe(self._apply)

    def _apply(self) -> None:
        self._trusted = trusted_networks(self._settings.current.listen.trusted_proxies)

    @web.middleware
    def judge(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        """aiohttp's middleware: refuse a request, or handle it as one of its client.

        It does not await the handler: a WebSocket would keep one more coroutine while it is open.
        """
        peer = request.remote or ""
        client = client_of(peer, request.headers.items(), self._trusted, request.scheme)
        why = self._foreign_host(request, client)
        if why:
            return self._refusal(request, client, "foreign-host", why, 403)
        why = self._foreign_origin(request, client)
        if why and self._is_socketio(request):
            return self._refusal(request, client, "foreign-origin", why, 400)
        # Not request.host: without a Host header it asks the DNS, and waits.
        direct = peer, request.scheme, request.headers.get("Host", "")
        if client[:3] != direct:
            request = request.clone(remote=client.address, scheme=client.scheme, host=client.host)
        return handler(request)

    def _foreign_host(self, request: web.Request, client: Client) -> str:
        """With tokens on, a page under a foreign name learns nothing: it has no token."""
        if self._settings.tokens is not None or not of_browser(request.headers):
            return ""  # without the names of this server, which cost more
        hosts = [*request.headers.getall("Host", [""]), client.host]
        return host_refusal(request.path, request.headers, hosts, self._own_names())

    def _foreign_origin(self, request: web.Request, client: Client) -> str:
        """Why the page may not use this server; "" if it may, or if no page asks."""
        origins = request.headers.getall("Origin", [])
        if not origins:
            return ""
        origin = ", ".join(origins)  # of two, none is allowed
        policy, tokens = self._policy(), self._settings.tokens is not None
        own = client.scheme, client.host, self._own_names()
        why = origin_refusal(origin, policy, tokens, *own)
        if not why:
            request[_KEY] = origin
        return why

    def _policy(self) -> str | tuple[str, ...]:
        return self._settings.current.socketio.cors_allowed_origins

    def _own_names(self) -> frozenset[str]:
        listed = self._settings.current.listen.names
        return own_names(socket.gethostname(), self._certificate_names(), listed)

    def _is_socketio(self, request: web.Request) -> bool:
        return request.path.rstrip("/") == self._settings.current.socketio.path

    async def _refusal(
        self, request: web.Request, client: Client, code: str, why: str, status: int
    ) -> web.Response:
        sentence = f"{why}; {REASONS[code].advice}"
        self._observe(Refused(client.address, code, why))
        headers = {"Cache-Control": "no-store"}
        if self._is_socketio(request):
            told = {"code": code, "message": sentence}
            return web.json_response(told, status=status, headers=headers)
        return web.Response(text=f"{sentence}\n", status=status, headers=headers)

    async def add_cors(self, request: web.Request, response: web.StreamResponse) -> None:
        """aiohttp's on_response_prepare: let the page read the Socket.IO answer, a 503 as well."""
        origin = allowed_origin(request)
        if origin is None or not self._is_socketio(request):
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        if self._settings.tokens is None or self._policy() not in (ANY, AUTO):
            # A page of any origin must not send a browser's stored credentials where tokens count.
            response.headers["Access-Control-Allow-Credentials"] = "true"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = METHODS
            asked = request.headers.get("Access-Control-Request-Headers")
            if asked:
                response.headers["Access-Control-Allow-Headers"] = asked
