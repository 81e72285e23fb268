"""The WebSocket under a connection: engine.io's wrapper, with our guard in front of its parser."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

from aiohttp import WSMsgType, web

_ENGINE_PACKETS = tuple("123456")
"""Engine.IO v4 packet types that a client sends (0 is OPEN, the server's)."""


class WebSocket:
    """One WebSocket, as engine.io wants it: made with (handler, server), called with an environ.

    It is known to its engine.io socket as `websocket`.
    """

    def __init__(
        self,
        handler: Callable[[Any], Any],
        server: Any,
        compression: bool,
        on_bad_frame: Callable[[str], None],
    ) -> None:
        self._handler = handler
        self._engine_socket = handler.__self__  # type: ignore[attr-defined]
        self._engine_socket.websocket = self
        self._server = server
        self._compression = compression
        self._on_bad_frame = on_bad_frame
        self._socket: web.WebSocketResponse
        self.tcp: asyncio.Transport | None = None
        self.goodbye = False
        """The client has closed it, and not because it heard nothing from us any more."""

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request: web.Request = environ["aiohttp.request"]
        self._socket = web.WebSocketResponse(
            max_msg_size=self._server.max_http_buffer_size, compress=self._compression
        )
        await self._socket.prepare(request)
        self.tcp = request.transport
        await self._handler(self)
        return self._socket

    async def wait(self) -> str:
        """The next frame for engine.io; raises OSError when there will be none."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                if message.data.startswith(_ENGINE_PACKETS):
                    return str(message.data)
                self._on_bad_frame(self._engine_socket.sid)
            elif message.type is not WSMsgType.BINARY:  # an attachment's event was refused already
                self.goodbye = message.type is WSMsgType.CLOSE and not self._starved()
                raise OSError("the WebSocket has ended")

    def _starved(self) -> bool:
        """Whether our PING has been on its way for long: then a Close frame is no goodbye.

        A client that hears no PING over a dead link closes its WebSocket, and when the link is back
        TCP brings us that Close frame after all.
        """
        sent = self._engine_socket.last_ping  # None while no PING is unanswered
        return bool(sent and time.monotonic() - sent > self._server.ping_timeout / 2)

    async def send(self, message: str) -> None:
        """Write a frame; waits while the client does not read."""
        await self._socket.send_str(message)

    async def close(self) -> None:
        """Close the WebSocket."""
        await self._socket.close()
