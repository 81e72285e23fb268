"""The ways to end a connection. The way decides whether the client comes back.

Official clients stay away after a Socket.IO DISCONNECT or a connect error, and reconnect after a
lost TCP connection or an HTTP error.

| call | when | what the client gets | and then |
| --- | --- | --- | --- |
| `abort` | it does not read, breaks the protocol or is late; a crash | a TCP reset | reconnects |
| `close` | the server stops; a temporary refusal | all that waits, the end of TCP | reconnects |
| `dismiss` | it is replaced, or its token is revoked | all that waits, DISCONNECT | stays away |

`close` becomes an `abort` if the client does not read; `dismiss` becomes a `close` if the client
does not go.
A connect error (ConnectError, handlers.py) refuses a client for good before it is connected; the
gate closes the connection after it. `Handlers.forget` ends nothing: it removes a connection that
the library lost without notice.
Below this: `hang_up`, `abort` and `end` of a ClientSocket act on TCP and on engine.io.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Awaitable, Callable, Hashable

from signaling_server.background import Background
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.engine.socket import ClientSocket

log = logging.getLogger(__name__)

FAREWELL = 1.0
"""Seconds that a client has to go by itself after it was told to."""
MOST_FAREWELLS = 4
"""Dismissed connections of one client that may wait for that: a session that flaps makes many."""


class Closer:
    """Ends connections. `disconnect` sends a Socket.IO DISCONNECT, given the Socket.IO sid."""

    def __init__(
        self,
        connections: Connections,
        disconnect: Callable[[str], Awaitable[None]],
        background: Background,
    ) -> None:
        self._connections = connections
        self._disconnect = disconnect
        self._background = background
        self._farewells: dict[Hashable, list[ClientSocket]] = {}
        """The dismissed sockets of each client that have not gone yet, oldest first."""

    def abort(self, socket: ClientSocket, reason: str = "connection-lost") -> None:
        """End a connection at once. The first reason given counts."""
        connection = self._connections.by_engine.get(socket.sid)
        if connection is not None:
            connection.closed_for = connection.closed_for or reason
        socket.abort()
        if socket.transport == "polling":
            self._background.start(socket.end())

    def abort_after_crash(self, socket: ClientSocket) -> None:
        """Call it in an `except`: a fault of the server costs one connection, not the server."""
        log.exception("a packet could not be handled; its connection is closed")
        self.abort(socket)

    def close(
        self, socket: ClientSocket, after: float = 0.0, within: float = FAREWELL
    ) -> asyncio.Task[None]:
        """Wait `after` seconds, then end a connection when all that waits is written.

        It takes at most `within` seconds more. You need not await the task.
        """
        return self._background.start(self._close(socket, after, within))

    async def _close(self, socket: ClientSocket, after: float, within: float) -> None:
        await asyncio.sleep(after)
        try:
            await asyncio.wait_for(socket.drain(), within)
        except asyncio.TimeoutError:  # it does not read: what is buffered cannot be written
            self.abort(socket)
            return
        socket.hang_up()
        if socket.transport == "polling":
            self.abort(socket)

    def dismiss(self, connection: Connection, code: str) -> None:
        """Tell a client to go and stay away; end its connection if it does not go."""

        hello = connection.hello
        client = (hello.room, hello.name, hello.session)
        connection.closed_for = code
        self._background.start(self._dismiss(connection, client))

    async def _dismiss(self, connection: Connection, client: Hashable) -> None:
        waiting = self._farewells.setdefault(client, [])
        waiting.append(connection.socket)
        try:
            await self._disconnect(connection.sid)
            if len(waiting) > MOST_FAREWELLS:
                self.abort(waiting.pop(0))
            await self._close(connection.socket, FAREWELL, FAREWELL)
        finally:
            if connection.socket in waiting:
                waiting.remove(connection.socket)
            if not waiting:
                self._farewells.pop(client, None)
