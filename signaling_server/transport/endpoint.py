"""HTTP in front of engine.io: new clients, whom it may not let in yet, and clients that poll."""

from __future__ import annotations

import asyncio
from typing import Any, Callable
from urllib.parse import parse_qs

from aiohttp import web

from signaling_server.core.protocol.events import Fact, Rejected
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.admission import Admission, address_of
from signaling_server.transport.closing import Closer
from signaling_server.transport.engine.polling import query_of, read_body, upgrades

RETRY_AFTER = 2
"""Seconds that an HTTP 503 asks a client to wait."""


class SocketIOEndpoint:
    """The HTTP handler of the Socket.IO path."""

    def __init__(
        self,
        sio: Any,
        admission: Admission,
        ending: Closer,
        budget: Budget,
        observe: Callable[[Fact], None],
    ) -> None:
        self._sio = sio
        self._sockets: dict[str, Any] = sio.eio.sockets
        self._admission = admission
        self._ending = ending
        self._budget = budget
        self._observe = observe
        self._patience = float(sio.eio.ping_interval + sio.eio.ping_timeout)
        """Seconds that a living client takes for anything at the most."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve the Socket.IO path; who has to wait gets a 503, after which clients try again."""
        # As engine.io reads it: an empty sid, too, asks for a new connection.
        query = parse_qs(query_of(request))
        if query.get("transport", [""])[0] == "websocket" and not upgrades(request):
            raise web.HTTPBadRequest  # engine.io would answer with what is no response
        engine_sid = query.get("sid", [""])[0]
        if not engine_sid:
            refusal = self._admission.refusal(request)
            if refusal:
                rejection, hello = refusal
                name, address, text = hello.name or "", address_of(request), rejection.noted
                self._observe(Rejected("", name, hello.room, address, rejection.code, text))
                return web.json_response(
                    rejection.payload(), status=503, headers={"Retry-After": str(RETRY_AFTER)}
                )
        socket = self._sockets.get(engine_sid)
        if socket is not None and request.method == "POST":
            await self._read(request, socket)
            if socket.closed:  # engine.io looks for it, and raises a KeyError
                self._sockets.pop(engine_sid, None)
        elif socket is not None and request.method == "GET" and not upgrades(request):
            return await self._poll(request, socket)
        response: web.StreamResponse = await self._sio.handle_request(request)
        return response

    async def _read(self, request: web.Request, socket: Any) -> None:
        """Read a POST; a body that comes a byte a minute must not take a place."""
        most = self._sio.eio.max_http_buffer_size
        try:
            request["body"] = await read_body(request, most, self._budget, self._patience)
        except ValueError:
            self._ending.abort(socket)
            raise web.HTTPBadRequest from None

    async def _poll(self, request: web.Request, socket: Any) -> web.StreamResponse:
        """Answer a poll. A client has one at a time, and has to read the answer in time."""
        if socket.queue.poll is not None:
            self._ending.abort(socket)
            raise web.HTTPBadRequest
        socket.queue.poll = request
        try:
            response: web.StreamResponse = await self._sio.handle_request(request)
            await response.prepare(request)
            await asyncio.wait_for(response.write_eof(), self._patience)
        except (asyncio.TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            socket.queue.poll = None
        return response
