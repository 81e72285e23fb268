"""The HTTP server: all routes, without a socket. The door gives it callers."""

from __future__ import annotations

import asyncio
import errno
from typing import Any, Callable, Iterable

from aiohttp import web

RETRY = {"Retry-After": "2"}
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
        async def report(request: web.Request, handler: Any) -> web.StreamResponse:
            on_request(request.protocol)
            # aiohttp answers pipelined requests in one go: between two of them, others have a turn.
            await asyncio.sleep(0)
            try:
                response: web.StreamResponse = await handler(request)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
                text = "the server has no file descriptor left: try again in a moment"
                raise web.HTTPServiceUnavailable(text=text, headers=RETRY) from None
            return response

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
