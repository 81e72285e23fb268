"""The HTTP server: all routes, without a socket. The door gives it callers."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Iterable

from aiohttp import web

KEEP_ALIVE_SECONDS = 15.0
"""How long a caller may keep a connection without a request; aiohttp's default is an hour."""


class Site:
    """You must await `start` before the first caller, and `stop` after the last.

    `on_request` is called with a connection's protocol for each request on it, before its handler.
    """

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        on_request: Callable[[asyncio.BaseProtocol], None],
    ) -> None:
        @web.middleware
        def report(request: web.Request, handler: Any) -> Awaitable[web.StreamResponse]:
            on_request(request.protocol)
            # Not awaited here: a WebSocket would keep one more coroutine as long as it lives.
            answer: Awaitable[web.StreamResponse] = handler(request)
            return answer

        application = web.Application(middlewares=[report])
        application.add_routes(routes)
        self._runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )

    async def start(self) -> None:
        """Be ready for callers."""
        await self._runner.setup()

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one more caller."""
        protocol: asyncio.Protocol = self._server()
        return protocol

    @property
    def connections(self) -> int:
        """How many callers have a protocol."""
        return len(self._server.connections)

    async def stop(self, seconds: float) -> None:
        """End all connections; an answer under way has `seconds` to be finished."""
        await self._server.shutdown(seconds)
        await self._runner.cleanup()

    @property
    def _server(self) -> web.Server:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the site has not been started")
        return server
