"""How a connection is ended decides whether its client comes back.

After a Socket.IO DISCONNECT official clients stay away; after a lost TCP connection they return.
"""

from __future__ import annotations

import asyncio
from typing import Any

from signaling_server.background import Background
from signaling_server.transport.connection import Connection

FAREWELL = 1.0
"""Seconds that a client which was told to go has for going by itself."""


class Closer:
    """Ends connections of a Socket.IO server. `by_engine` has those that came in."""

    def __init__(self, sio: Any, by_engine: dict[str, Connection], background: Background) -> None:
        self._sio = sio
        self._by_engine = by_engine
        self._background = background

    def abort(self, socket: Any, reason: str = "connection-lost") -> None:
        """End a connection at once, in the way that lets its client come back."""
        connection = self._by_engine.get(socket.sid)
        if connection is not None:
            connection.closed_for = connection.closed_for or reason
        socket.queue.drop()
        websocket = getattr(socket, "websocket", None)
        if websocket is not None:
            websocket.abort()
        if not socket.upgraded:
            self._background.start(self._close(socket))

    async def _close(self, socket: Any) -> None:
        """End a polling connection: engine.io would keep it until it looks again."""
        await socket.close(wait=False, abort=True)
        self._sio.eio.sockets.pop(socket.sid, None)

    async def finish(self, socket: Any, after: float = 0.0, within: float = FAREWELL) -> None:
        """End a connection when all that waits for it is written, or after `within` seconds."""
        await asyncio.sleep(after)
        try:
            await asyncio.wait_for(socket.queue.join(), within)
        except asyncio.TimeoutError:  # it does not read, so what is buffered will never be written
            self.abort(socket)
            return
        websocket = getattr(socket, "websocket", None)
        if websocket is not None:
            websocket.hang_up()
        if not socket.upgraded:
            self.abort(socket)

    def finish_soon(self, socket: Any, after: float = 0.0) -> None:
        """The same, in the background."""
        self._background.start(self.finish(socket, after))

    def dismiss(self, connection: Connection, code: str) -> None:
        """Tell a client to go and stay away; end its connection if it does not go."""

        async def dismiss() -> None:
            await self._sio.disconnect(connection.sid)
            await self.finish(connection.socket, after=FAREWELL)

        connection.closed_for = code
        self._background.start(dismiss())
