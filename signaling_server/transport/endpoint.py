"""HTTP in front of engine.io: handshakes, which may be refused, and the requests of polling."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Callable

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Fact, Refused, Rejected
from signaling_server.core.protocol.limits import Budget, TokenBucket
from signaling_server.core.protocol.query import fields_of
from signaling_server.core.protocol.refusals import handshake_fault, reason_of
from signaling_server.transport.admission import Admission, address_of
from signaling_server.transport.closing import Closer
from signaling_server.transport.engine.polling import query_of, read_body, upgrades
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import SocketIOServer

log = logging.getLogger(__name__)

REMARKS = 20
"""Log lines at once about clients that are served although they are not quite right."""
RETRY_AFTER = 2
"""Seconds that an HTTP 503 asks a client to wait."""


class SocketIOEndpoint:
    """The HTTP handler of the Socket.IO path."""

    def __init__(
        self,
        settings: Settings,
        engine: SocketIOServer,
        admission: Admission,
        closer: Closer,
        budget: Budget,
        observe: Callable[[Fact], None],
    ) -> None:
        self._remarks = TokenBucket(1, REMARKS, time.monotonic())
        self._settings = settings
        self._engine = engine
        self._admission = admission
        self._closer = closer
        self._budget = budget
        self._observe = observe

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; a client that has to wait gets a 503."""
        # Parsed like engine.io does: an empty sid, too, asks for a new connection.
        query = fields_of(query_of(request))
        fault = self._fault(request, query)
        if fault is not None:
            return self._refuse(request, *fault)
        engine_sid = query.get("sid", [""])[0]
        if not (engine_sid or request.path.endswith("/")):
            self._remark_path(request)
        refusal = None if engine_sid else self._refusal(request)
        if refusal is not None:
            return refusal
        socket = self._engine.sockets.get(engine_sid)
        if socket is not None and request.method == "POST":
            packets = await self._read(request, socket)
            return await self._engine.handle_post(request, socket, packets)
        if socket is not None and request.method == "GET" and not upgrades(request):
            return await self._poll(request, socket)
        return await self._engine.handle_request(request)

    def _remark_path(self, request: web.Request) -> None:
        """Other servers answer 404 to such a client: its author should know."""
        if self._remarks.take(time.monotonic()):
            address = address_of(request)
            text = "a client from %s asks for %s without the slash at its end: it is served"
            log.info(text, address, request.path, extra={"HAWKEYE_ADDRESS": address})

    def _fault(self, request: web.Request, query: dict[str, list[str]]) -> tuple[str, str] | None:
        """(code, detail) if the client is of the wrong kind: it will never get in like this."""
        if request.method == "OPTIONS":
            return None
        options = self._settings.current.socketio
        return handshake_fault(query, upgrades(request), options.transports)

    def _refuse(self, request: web.Request, code: str, detail: str) -> web.Response:
        """The 400 for a client of the wrong kind."""
        self._observe(Refused(address_of(request), code, detail))
        reason = reason_of(code, detail)
        told = {"code": code, "message": f"{reason.why}; {reason.advice}"}
        return web.json_response(told, status=400)

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

    async def _read(self, request: web.Request, socket: ClientSocket) -> list[str]:
        """Read the body of a POST: engine.io would wait forever for one that trickles."""
        most, seconds = self._engine.frame_limit, self._engine.patience
        try:
            packets = await read_body(request, most, self._budget, seconds, socket.allow_frame)
        except ValueError as error:
            self._closer.abort(socket)
            raise web.HTTPBadRequest(text=str(error)) from None
        if socket.closed:  # meanwhile; python-engineio 4.x would find it and raise a KeyError
            self._engine.remove_socket(socket.sid)
        return packets

    async def _poll(self, request: web.Request, socket: ClientSocket) -> web.StreamResponse:
        """Answer a poll. A client has one at a time, and has to read the answer in time."""
        if socket.answering is not None:
            self._closer.abort(socket)
            raise web.HTTPBadRequest
        socket.answering, socket.poll_broke = request, False
        socket.heard()
        try:
            response = await self._engine.handle_poll(request, socket)
            await _write(response, request, self._engine.patience)
        finally:
            socket.answering = None
            socket.poll_broke = request.transport is None or request.transport.is_closing()
        return response


async def _write(response: web.StreamResponse, request: web.Request, patience: float) -> None:
    """Write an answer, or cut its client off after `patience` seconds."""
    # Not wait_for, which makes a task.
    timer = asyncio.get_running_loop().call_later(patience, _cut, request)
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        _cut(request)
    finally:
        timer.cancel()


def _cut(request: web.Request) -> None:
    """End the TCP connection of a request: its client does not read the answer."""
    if request.transport is not None:
        request.transport.abort()
