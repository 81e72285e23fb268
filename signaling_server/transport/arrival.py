"""From a CONNECT until the client is in its room, which this host serves or another one."""

from __future__ import annotations

import asyncio
import time
from typing import AbstractSet, Any, Callable

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Joined, Output
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.turn_credentials import ice_servers
from signaling_server.core.protocol.wall_clock import server_time
from signaling_server.errors import Rejection
from signaling_server.transport.admission import Admission
from signaling_server.transport.connection import Connection
from signaling_server.transport.edge import TRY_AGAIN, EdgeDoor, Moved
from signaling_server.transport.elsewhere import Elsewhere
from signaling_server.transport.switchboard import Switchboard

MOST_MOVES = 5
"""How often a client that joins is sent on to another host."""


class Arrival:
    """Lets clients in. `withheld()` are the URLs of ICE servers that clients do not get."""

    def __init__(
        self,
        settings: Settings,
        admission: Admission,
        switchboard: Switchboard,
        withheld: Callable[[], AbstractSet[str]],
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._switchboard = switchboard
        self._withheld = withheld
        self.elsewhere: Elsewhere | None = None
        """The fleet that this host is part of."""

    async def join(self, connection: Connection, request: web.Request, auth: Any) -> list[Output]:
        """Ask the two judges of CONNECT (admission.py); raises Rejection.

        You must `perform` what it returns once the connection is known: [] if the room is another
        host's, which says itself what follows.
        """
        hello, connection.grant = self._admission.identify(auth, request)
        wait = self._admission.wait_for_turn(hello.room)
        if wait or self._switchboard.is_crowd(hello.room):
            await asyncio.sleep(wait)
            await self._switchboard.turn(hello.room)  # behind the end of its last connection
            hello, connection.grant = self._admission.identify(auth, request)  # may be revoked now
        if self.elsewhere is not None:
            connection.door = await self._enter_elsewhere(connection, hello, self.elsewhere)
            if connection.door is not None:
                return []
            hello, connection.grant = self._admission.identify(auth, request)
        return self._switchboard.ask(self._introduce(connection, hello))

    def _introduce(self, connection: Connection, hello: Hello) -> Joined:
        joined = self._admission.introduce(
            connection.sid,
            hello,
            connection.address,
            connection.socket.transport,
            connection.grant,
        )
        connection.hello = joined.hello
        servers, _ = self.ice_servers(connection)
        return joined._replace(ice_servers=servers, server_time=server_time(time.time()))

    async def _enter_elsewhere(
        self, connection: Connection, hello: Hello, elsewhere: Elsewhere
    ) -> EdgeDoor | None:
        """Let a client into its room where that is served; None: it is served here."""
        for _ in range(MOST_MOVES):
            door = await elsewhere.door(hello.room)
            if door is None:
                return None
            try:
                await door.admit(connection, self._introduce(connection, hello))
                return door
            except Moved:
                elsewhere.moved(hello.room)
        raise Rejection("shutting-down", TRY_AGAIN)

    def ice_servers(self, connection: Connection) -> tuple[list[dict[str, Any]], int | None]:
        """Fresh ICE servers for a client, and for how many seconds they are good."""
        return ice_servers(
            self._settings.current,
            self._settings.turn_secret,
            connection.peer_id,
            time.time(),
            self._withheld(),
        )
