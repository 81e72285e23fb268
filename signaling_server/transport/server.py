"""The Socket.IO transport, put together; its reload, its sweep and its end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import AbstractSet, Callable

from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Fact, Left, Reconfigured, Revoked, Ticked
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.entrance import Entrance
from signaling_server.transport.admission import Admission
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connections
from signaling_server.transport.endpoint import SocketIOEndpoint
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import SocketIOServer
from signaling_server.transport.gate import Gate
from signaling_server.transport.handlers import Handlers
from signaling_server.transport.switchboard import Switchboard
from signaling_server.transport.token_watch import TokenWatch

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60
LAST_BYTES_SECONDS = 0.2
"""How long, at a stop, a connection that was hung up may take to write what it has buffered."""


class Transport:
    """All Socket.IO connections of the server.

    `observe` is called with each fact. `handle_request` is the HTTP handler of the Socket.IO path.
    `withheld()` are the URLs of ICE servers that clients do not get.
    You must await `close` at the end.
    """

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        observe: Callable[[Fact], None],
        report: Callable[[str, str, ConnectionReport], None],
        entrance: Entrance,
        withheld: Callable[[], AbstractSet[str]] = frozenset,
    ) -> None:
        # From the outside in: each part is handed the parts that it calls, and is complete.
        self._settings = settings
        self._relay = relay
        self._background = Background()
        self._connections = connections = Connections()
        self._engine = engine = SocketIOServer(settings, relay.budget)
        self._closer = closer = Closer(connections, engine.disconnect, self._background)
        self._admission = admission = Admission(
            settings,
            relay,
            lambda: len(engine.sockets) - entrance.sessions,
            connections.pulse,
        )
        self._switchboard = switchboard = Switchboard(settings, relay, connections, closer, observe)
        self.token_watch = TokenWatch(settings, relay, connections, switchboard)
        self._handlers = Handlers(
            settings,
            engine,
            connections,
            admission,
            switchboard,
            closer,
            observe,
            report,
            entrance,
            withheld,
        )
        self._gate = Gate(
            settings,
            engine,
            connections,
            admission,
            self._handlers,
            switchboard,
            closer,
            observe,
            entrance,
        )
        self.penalty = admission.penalty
        """The seconds that the answer to a wrong token from an address waits, over HTTP as well."""
        self._endpoint = SocketIOEndpoint(
            settings, engine, admission, closer, relay.budget, observe
        )
        self.handle_request = self._endpoint.handle
        engine.attach(self._gate, self._handlers)
        settings.subscribe(self._reconfigured)

    def vouches(self, first_line: bytes) -> bool:
        """Whether a request that begins like this has a valid token in its URL."""
        if b"token=" not in first_line:
            return False  # a flood says this a thousand times a second
        target = first_line.partition(b"\r\n")[0].split(b" ")[1:2]
        query = b"".join(target).partition(b"?")[2]
        return self._admission.vouches(query.decode("latin-1"))

    def _reconfigured(self) -> None:
        """The settings have changed: act where reading them is not enough."""
        self._revoke()
        self.token_watch.look(time.time(), time.monotonic())
        self._switchboard.handle(Reconfigured(self._settings.current))

    def _revoke(self) -> None:
        """Remove the clients whose token is no longer valid, also those that are away."""
        grants = self._relay.grants()
        revoked = frozenset(grant for grant in grants if not self._admission.may_stay(grant))
        if revoked:
            self._switchboard.handle(Revoked(revoked))

    @property
    def queue_high_water(self) -> int:
        """Most packets that ever waited for one client."""
        return SendQueue.high_water

    async def keep_sweeping(self) -> None:
        """Sweep now and then: python-socketio 5.x can lose a connection without a notice."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    def sweep(self) -> int:
        """Remove connections without a socket and peers without a connection; returns how many."""
        sockets, connections = self._engine.sockets, self._connections.by_sid
        lost = [one for one in connections.values() if sockets.get(one.socket.sid) != one.socket]
        for connection in lost:
            log.warning("%s: socket is gone without a disconnect; removed", connection.peer_id)
            self._handlers.forget(connection)
        far = self._connections.far
        ghosts = [sid for sid in self._relay.peers if sid not in connections and sid not in far]
        for sid in ghosts:
            log.warning("%s: connection is gone without a disconnect; removed", sid)
            self._switchboard.handle(Left(sid, "connection-lost", False))
        self._switchboard.handle(Ticked())  # in case the relay's timer was lost with an exception
        return len(lost) + len(ghosts)

    async def close(self, drain: float) -> None:
        """End all connections within `drain` seconds so that clients come back; refuse new ones."""
        self._admission.closing = True
        self._switchboard.flush()
        sockets = list(self._engine.sockets.values())
        await asyncio.gather(*(self._closer.close(socket, within=drain) for socket in sockets))
        await self._engine.shutdown()
        await self._give_up(sockets)
        self._switchboard.flush()
        self._switchboard.cancel()
        await self._background.cancel()

    async def _give_up(self, sockets: list[ClientSocket]) -> None:
        """Abort what still has bytes to write: a client that does not read would delay the stop.

        engine.io counts a packet as written when it takes it from the queue, so the drain can be
        over before the packet is. aiohttp 3.8 then waits for the client without an end.
        """
        if any(not socket.closed for socket in sockets):
            await asyncio.sleep(LAST_BYTES_SECONDS)
        for socket in sockets:
            if not socket.closed:
                self._closer.abort(socket)
