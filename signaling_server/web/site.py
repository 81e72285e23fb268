"""The HTTP server: all routes, without a socket. The door gives it callers."""

from __future__ import annotations

import asyncio
import errno
from typing import Any, Callable, Iterable

from aiohttp import web

from signaling_server.web.callers import Callers
from signaling_server.web.first_bytes import Report, watching

RETRY = {"Retry-After": "2"}
KEEP_ALIVE_SECONDS = 15.0
"""How long a caller may keep a connection without a request; aiohttp's default is an hour."""
LINGER_SECONDS = 0.0
"""How long a body that no handler has read is still read: aiohttp would do so for 10 s."""


class Site:
    """You must await `start` before the first caller, and `stop` after the last.

    `on_request` is called with a connection's protocol for each request on it, before its handler.
    `callers` judges each request. `on_other` is called with (code, address) for a caller that does
    not speak HTTP.
    """

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        on_request: Callable[[asyncio.BaseProtocol], None],
        callers: Callers,
        on_other: Report = lambda code, address: None,
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

        application = web.Application(middlewares=[report, callers.judge])
        application.on_response_prepare.append(callers.add_cors)
        application.add_routes(routes)
        self._watching = watching(on_other)
        self._runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            # A body is inflated on the loop, before a handler sees the request and after it has
            # answered: 1 MB can become 1 GB. No client compresses what it sends.
            auto_decompress=False,
        )

    async def start(self) -> None:
        """Be ready for callers."""
        await self._runner.setup()

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one more caller."""
        protocol: Any = self._server()
        protocol.__class__ = self._watching
        return protocol  # type: ignore[no-any-return]

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
