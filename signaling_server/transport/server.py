"""The Socket.IO transport, put together; its reload, its sweep and its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from typing import AbstractSet, Callable, Iterable

from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.fleet.joining import fingerprint
from signaling_server.core.fleet.link import Link
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import Fact, Left, Reconfigured, Revoked, Ticked
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.entrance import Entrance
from signaling_server.transport.admission import Admission
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.edge import EdgeDoor
from signaling_server.transport.elsewhere import Elsewhere
from signaling_server.transport.endpoint import SocketIOEndpoint
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.socket import ClientSocket
from signaling_server.transport.engine.socketio_server import SocketIOServer
from signaling_server.transport.far_clients import FarClients
from signaling_server.transport.gate import Gate
from signaling_server.transport.handlers import Handlers
from signaling_server.transport.switchboard import Switchboard
from signaling_server.transport.token_watch import TokenWatch

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60
SOON = 0.05
"""Seconds until a client is ended whose CONNECT is being answered."""
HANG_UPS_A_SECOND = 2000
LONGEST_SPREAD = 2.0
"""Seconds over which clients are hung up, at most."""
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
        self._report = report
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
        self._granted = self._grants()
        """What was valid before a change."""
        self.handle_request = self._endpoint.handle
        engine.attach(self._gate, self._handlers)
        settings.subscribe(self._reconfigured)

    # --- a fleet ----------------------------------------------------------------------------------

    def meet(self, fleet: Elsewhere) -> FarClients:
        """Be part of a fleet from now on; returns what serves the clients of other hosts."""
        self._handlers.arrival.elsewhere = fleet
        return FarClients(
            self._relay, self._connections, self._switchboard, self._report, fleet.serves
        )

    def edge(self, link: Link) -> EdgeDoor:
        """The way to the host at the other end of a link."""
        return EdgeDoor(link, self._switchboard.check_queue, self._shut)

    def _shut(self, connection: Connection, code: str, stays_away: bool) -> None:
        """End a client of this host, as the owner of its room wants it."""
        if connection.socket.closed:
            return
        if connection.sid not in self._connections.by_sid:  # its CONNECT is being answered
            again = functools.partial(self._shut, connection, code, stays_away)
            asyncio.get_running_loop().call_later(SOON, again)
        elif stays_away:
            self._closer.dismiss(connection, code)
        else:
            self._closer.abort(connection.socket, code)

    def hang_up(self, connections: Iterable[Connection]) -> None:
        """Hang up on clients so that they come back, and not all of them in one instant."""
        loop, all_of_them = asyncio.get_running_loop(), list(connections)
        spread = min(LONGEST_SPREAD, len(all_of_them) / HANG_UPS_A_SECOND)
        for connection in all_of_them:
            loop.call_later(random.uniform(0, spread), self._hang_up, connection)

    def _hang_up(self, connection: Connection) -> None:
        if not connection.socket.closed:
            self._closer.close(connection.socket)

    def dissolve(self, room: str) -> None:
        """Another host serves this room: hang up on all that are in it."""
        found = self._relay.rooms.get(room)
        sids = [peer.sid for peer in found.peers.values() if peer.present] if found else []
        self._switchboard.perform(self._relay.dissolve(room))
        here, far = self._connections.by_sid, self._connections.far
        self.hang_up(here[sid] for sid in sids if sid in here)
        for sid in sids:
            if sid in far:
                far[sid].abort("moved")

    # ----------------------------------------------------------------------------------------------

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
        self._withdraw()

    def _withdraw(self) -> None:
        """Tell the other hosts what is no longer valid: they serve clients of ours, and keep places
        and signals for some that are away.
        """
        here = {connection.grant for connection in self._connections.by_sid.values()}
        granted, self._granted = {*self._granted, *here}, self._grants()
        elsewhere = self._handlers.arrival.elsewhere
        if elsewhere is None:
            return
        gone: list[str] = []
        valid: list[str] = []
        for grant in filter(None, granted | {*self._granted}):
            (valid if self._admission.may_stay(grant) else gone).append(fingerprint(grant))
        elsewhere.withdraw(gone, valid)

    def _grants(self) -> tuple[Grant, ...]:
        """What all valid tokens allow."""
        tokens = self._settings.tokens
        return tokens.grants if tokens is not None else ()

    @property
    def sockets(self) -> int:
        """Connections to this host, in whatever room."""
        return len(self._connections.by_sid)

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
