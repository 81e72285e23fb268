"""HTTP in front of engine.io: handshakes, which may be refused, and the requests of polling."""

from __future__ import annotations

import asyncio
from typing import Callable
from urllib.parse import parse_qs

from aiohttp import web

from signaling_server.core.protocol.events import Fact, Rejected
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.admission import Admission, address_of
from signaling_server.transport.closing import Closer
from signaling_server.transport.engine.polling import query_of, read_body, upgrades
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import SocketIOServer

RETRY_AFTER = 2
"""Seconds that an HTTP 503 asks a client to wait."""


class SocketIOEndpoint:
    """The HTTP handler of the Socket.IO path."""

    def __init__(
        self,
        engine: SocketIOServer,
        admission: Admission,
        closer: Closer,
        budget: Budget,
        observe: Callable[[Fact], None],
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._closer = closer
        self._budget = budget
        self._observe = observe

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; a client that has to wait gets a 503."""
        # Parsed like engine.io does: an empty sid, too, asks for a new connection.
        query = parse_qs(query_of(request))
        if query.get("transport", [""])[0] == "websocket" and not upgrades(request):
            raise web.HTTPBadRequest  # python-engineio 4.x would return something else than this
        engine_sid = query.get("sid", [""])[0]
        refusal = None if engine_sid else self._refusal(request)
        if refusal is not None:
            return refusal
        socket = self._engine.sockets.get(engine_sid)
        if socket is not None and request.method == "POST":
            return await self._engine.handle_request(request, await self._read(request, socket))
        if socket is not None and request.method == "GET" and not upgrades(request):
            return await self._poll(request, socket)
        return await self._engine.handle_request(request)

    def _refusal(self, request: web.Request) -> web.Response | None:
        """The 503 for a client that may not connect now."""
        refused = self._admission.refusal(request)
        if refused is None:
            return None
        rejection, hello = refused
        name, address = hello.name or "", address_of(request)
        self._observe(Rejected("", name, hello.room, address, rejection.code, rejection.noted))
        headers = {"Retry-After": str(RETRY_AFTER)}
        return web.json_response(rejection.payload(), status=503, headers=headers)

    async def _read(self, request: web.Request, socket: ClientSocket) -> bytes:
        """Read the body of a POST: engine.io would wait forever for one that trickles."""
        most, seconds = self._engine.frame_limit, self._engine.patience
        try:
            body = await read_body(request, most, self._budget, seconds)
        except ValueError:
            self._closer.abort(socket)
            raise web.HTTPBadRequest from None
        if socket.closed:  # meanwhile; python-engineio 4.x would find it and raise a KeyError
            self._engine.remove_socket(socket.sid)
        return body

    async def _poll(self, request: web.Request, socket: ClientSocket) -> web.StreamResponse:
        """Answer a poll. A client has one at a time, and has to read the answer in time."""
        if socket.answering is not None:
            self._closer.abort(socket)
            raise web.HTTPBadRequest
        socket.answering, socket.poll_broke = request, False
        socket.heard()
        try:
            response = await self._engine.handle_request(request)
            await response.prepare(request)
            await asyncio.wait_for(response.write_eof(), self._engine.patience)
        except (asyncio.TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            socket.answering = None
            socket.poll_broke = request.transport is None or request.transport.is_closing()
        return response
