"""The door: accepts callers on the listening socket and gives each a protocol of the HTTP server.

Why not `loop.create_server(sock=...)`? asyncio's own accept loop does three things that an
appliance cannot afford:

1. Out of descriptors it pauses for a second and leaves callers in the backlog. A client that waits
   does not try elsewhere or again; one that is refused does. The door has one descriptor in
   reserve: it spends that to accept the caller, and closes the connection at once.
2. It treats all callers alike. The watchdog comes through the same port (watchdog.py), so that
   anyone could make systemd kill a healthy server by filling it up. The door lets expected callers
   in even when it is full.
3. When it stops, it drops a caller that it has accepted but not yet given to its protocol. The
   listening socket lives on in systemd's store, so that would be the one caller that a restart
   loses. The door waits for those it has accepted; those in the backlog are left to the next
   process.

The door also bounds what a caller can hold up: one that has not sent a whole request within the
deadline is a stranger, and its connection is aborted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any, Callable, Coroutine

from signaling_server.appliance.descriptors import Reserve
from signaling_server.appliance.listener import Address

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 64
"""Callers accepted in one turn of the loop: a storm of them leaves time for established clients."""
REQUEST_SECONDS = 0.05
"""How long, at a stop, a caller that has just connected may take to send its request."""
CLOSE_SECONDS = 1
"""How long, at a stop, callers may take to be given to their protocol."""
PAUSE_SECONDS = 0.1
"""How long accepting pauses when not even the reserve is left."""
COMPLAINT_SECONDS = 10
"""The interval between two log lines about callers turned away."""
TLS_HANDSHAKE_SECONDS = 10


class Door:
    """Accepts callers and gives each a protocol made by `factory`.

    `spawn` runs a coroutine in the background. `room()` says how many more may come in. A
    caller has `deadline()` seconds to send a whole request. With `tls`, all callers must speak it.
    """

    def __init__(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        room: Callable[[], float] = lambda: float("inf"),
        deadline: Callable[[], float] = lambda: 5.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.turned_away = 0
        """Callers turned away so far."""
        self._factory = factory
        self._spawn = spawn
        self._room = room
        self._deadline = deadline
        self._tls = tls
        self._listener: socket.socket | None = None
        self._expects: Callable[[Address], bool] = lambda address: False
        self._strangers: dict[asyncio.BaseProtocol, asyncio.TimerHandle | None] = {}
        """Callers that have not sent a whole request, each with the timer that aborts it."""
        self._entering: set[asyncio.Task[None]] = set()
        self._reserve = Reserve()
        self._complained_at = -float(COMPLAINT_SECONDS)
        self._loop = asyncio.get_running_loop()

    def open(
        self,
        listener: socket.socket,
        expects: Callable[[Address], bool] = lambda address: False,
    ) -> None:
        """Accept callers of `listener` from now on, those from an expected address even if full."""
        self._listener, self._expects = listener, expects
        self._loop.add_reader(listener, self._accept_some, listener)

    async def close(self) -> None:
        """Accept no more callers, and give those already accepted time to send their request.

        Never shutdown(): the socket lives on in systemd's store.
        """
        if self._listener is None:
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._reserve.spend()
        if self._entering:
            await asyncio.wait(self._entering, timeout=CLOSE_SECONDS)
        if self._strangers:  # their requests may be on the way
            await asyncio.sleep(REQUEST_SECONDS)

    @property
    def entering(self) -> int:
        """Callers accepted but not yet given to their protocol, such as during a TLS handshake."""
        return len(self._entering)

    def recognise(self, protocol: asyncio.BaseProtocol) -> None:
        """A caller has sent a whole request: it is no stranger, and no deadline is left for it."""
        timer = self._strangers.pop(protocol, None)
        if timer:
            timer.cancel()

    def _abort(self, protocol: asyncio.BaseProtocol, transport: Any) -> None:
        """End a caller that has not sent a whole request by its deadline."""
        del self._strangers[protocol]
        transport.abort()

    def _accept_some(self, listener: socket.socket) -> None:
        room = self._room()  # asked once a turn: the answer counts all callers
        for _ in range(ACCEPTS_PER_TURN):
            accepted = self._accept(listener)
            if accepted is None:
                return
            caller, address = accepted
            full = not self._reserve.refill() or room <= 0
            if full and not self._expects(address):
                self._turn_away(caller)
            else:
                room -= 1
                caller.setblocking(False)
                task = self._spawn(self._let_in(caller))
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)

    def _accept(self, listener: socket.socket) -> tuple[socket.socket, Address] | None:
        """The next caller, if need be with the descriptor in reserve; None: no caller for now."""
        try:
            return listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError:
            if self._reserve.spend():
                return self._accept(listener)
            self._loop.remove_reader(listener)
            self._loop.call_later(PAUSE_SECONDS, self._resume, listener)
            return None

    def _resume(self, listener: socket.socket) -> None:
        """Accept again after a pause, unless the door has been closed meanwhile."""
        if listener.fileno() != -1:
            self._loop.add_reader(listener, self._accept_some, listener)

    def _turn_away(self, caller: socket.socket) -> None:
        caller.close()
        self._reserve.refill()
        self.turned_away += 1
        now = self._loop.time()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            log.error("connection limit reached; %d connections refused so far", self.turned_away)

    async def _let_in(self, caller: socket.socket) -> None:
        timeout = TLS_HANDSHAKE_SECONDS if self._tls else None
        protocol = self._factory()
        self._strangers[protocol] = None
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, caller, ssl=self._tls, ssl_handshake_timeout=timeout
            )
            if protocol in self._strangers:  # its request may have come already
                self._strangers[protocol] = self._loop.call_later(
                    self._deadline(), self._abort, protocol, transport
                )
        except (OSError, asyncio.TimeoutError) as error:
            self._strangers.pop(protocol, None)
            caller.close()
            log.debug("a caller did not get in: %s", error)
