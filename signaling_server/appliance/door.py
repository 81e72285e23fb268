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

The door also bounds what a caller can hold up. One that has not sent a whole request is a stranger
(entrance.py): it is aborted at a deadline, and earlier if there are too many of them.

To let a caller in costs fifty times as much as to accept it, and an HTTP request with a WebSocket
fifty times more. So all are accepted at once and wait on the porch, where the addresses take turns,
and a few are let in each turn of the loop. A flood from one address then fills the porch and
evicts itself; it takes neither the time of those inside nor the turn of other addresses. A caller
that is evicted from the porch although its first line has a valid token is let in instead.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import ssl
from typing import Any, Callable, Coroutine

from signaling_server.appliance.caller import Caller
from signaling_server.appliance.descriptors import Reserve
from signaling_server.appliance.listener import Address
from signaling_server.appliance.peek import peek
from signaling_server.core.fair_queue import FairQueue
from signaling_server.core.protocol.refusals import first_bytes
from signaling_server.entrance import Entrance

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 256
"""Callers accepted in one turn of the loop: a storm of them leaves time for established clients."""
LET_IN_PER_TURN = 8
"""Callers let in in one turn: each is about to ask for something, which takes 0.5 ms."""
REQUEST_SECONDS = 0.05
"""How long, at a stop, a caller that has just connected may take to send its request."""
CLOSE_SECONDS = 1
"""How long, at a stop, callers may take to be given to their protocol."""
PAUSE_SECONDS = 0.1
"""How long accepting pauses when not even the reserve is left."""
COMPLAINT_SECONDS = 10
"""The interval between two log lines about callers turned away."""
TLS_HANDSHAKE_SECONDS = 10
MOST_REQUEST = 65536
PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks TLS: use https:// and wss://\n"
)
"""For a caller that speaks plain HTTP to a port with TLS."""


class Door:
    """Accepts callers and gives each a protocol made by `factory`.

    `spawn` runs a coroutine in the background. `room()` says how many callers may be on their way
    in, those in `entrance` aside. A caller has `deadline()` seconds to send a whole request. With
    `tls`, all callers must speak it; `refuse` is called with (code, address) for one that begins
    with something else. `vouches(first_line)` says whether a request that begins like this has a
    valid token.
    """

    def __init__(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        entrance: Entrance | None = None,
        room: Callable[[], float] = lambda: float("inf"),
        deadline: Callable[[], float] = lambda: 5.0,
        vouches: Callable[[bytes], bool] = lambda first_line: False,
        tls: ssl.SSLContext | None = None,
        refuse: Callable[[str, str], None] = lambda code, address: None,
    ) -> None:
        self.turned_away = 0
        """Callers turned away so far."""
        self._factory = factory
        self._spawn = spawn
        self._entrance = Entrance(lambda: 2048) if entrance is None else entrance
        self._room = room
        self._deadline = deadline
        self._vouches = vouches
        self._tls = tls
        self._refuse = refuse
        self._listener: socket.socket | None = None
        self._expects: Callable[[Address], bool] = lambda address: False
        self._strangers: dict[asyncio.BaseProtocol, Caller] = {}
        """Callers that have a protocol and have not sent a whole request."""
        self._porch: FairQueue[Caller] = FairQueue()
        """Callers that wait to be let in, by address; some of them are closed already."""
        self._waiting = 0
        """Callers on the porch that are not closed."""
        self._letting_in = False
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
        while self._porch:
            self._let_some_in()
        if self._entering:
            await asyncio.wait(self._entering, timeout=CLOSE_SECONDS)
        if self._strangers:  # their requests may be on the way
            await asyncio.sleep(REQUEST_SECONDS)

    @property
    def entering(self) -> int:
        """Callers accepted but not yet given to their protocol, such as during a TLS handshake."""
        return len(self._entering) + self._waiting

    def recognise(self, protocol: asyncio.BaseProtocol) -> None:
        """A caller has sent a whole request: it is no stranger, and no deadline is left for it."""
        caller = self._strangers.pop(protocol, None)
        if caller is not None:
            self._entrance.leave(caller)
            if caller.timer is not None:
                caller.timer.cancel()

    def _accept_some(self, listener: socket.socket) -> None:
        room = self._room()  # asked once a turn: for the answer, all connections are counted
        for _ in range(ACCEPTS_PER_TURN):
            accepted = self._accept(listener)
            if accepted is None:
                break
            sock, address = accepted
            full = not self._reserve.refill() or self.entering - len(self._entrance) >= room
            if full and not self._expects(address):
                self._turn_away(sock)
                continue
            sock.setblocking(False)
            caller = Caller(sock)
            if self._expects(address):
                self._start(caller)
                continue
            self._waiting += 1
            self._porch.add(address[0], caller)
            self._entrance.add(caller, address[0], functools.partial(self._evict, caller))
        if not self._letting_in:
            self._let_some_in()

    def _let_some_in(self) -> None:
        """Let callers in from the porch, the addresses in turn; those left have to wait a turn."""
        room = LET_IN_PER_TURN
        while self._porch and room:
            _, caller = self._porch.take()
            if not caller.entering and caller.socket.fileno() != -1:
                self._waiting -= 1
                self._start(caller)
                room -= 1
        self._letting_in = bool(self._porch)
        if self._letting_in:
            self._loop.call_soon(self._let_some_in)

    def _start(self, caller: Caller) -> None:
        caller.entering = True
        task = self._spawn(self._let_in(caller))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    def _evict(self, caller: Caller) -> None:
        """There are too many strangers, and this one has to make room."""
        if not caller.entering:
            self._waiting -= 1
            if self._vouches(caller.first_line):
                self._start(caller)
                return
        self._end(caller)

    def _end(self, caller: Caller) -> None:
        self._entrance.leave(caller)
        if caller.protocol is not None:
            self._strangers.pop(caller.protocol, None)
        caller.end()

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

    async def _let_in(self, caller: Caller) -> None:
        timeout = TLS_HANDSHAKE_SECONDS if self._tls else None
        caller.protocol = protocol = self._factory()
        self._strangers[protocol] = caller
        try:
            if self._tls:
                await self._refuse_other_than_tls(caller)
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, caller.socket, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.TimeoutError) as error:
            self._strangers.pop(protocol, None)
            self._entrance.leave(caller)
            caller.socket.close()
            log.debug("a caller did not get in: %s", error)
            return
        if protocol in self._strangers:  # its request may have come already
            caller.transport = transport
            if self._tls is not None:
                self._entrance.progress(caller)
            caller.timer = self._loop.call_later(self._deadline(), self._end, caller)

    async def _refuse_other_than_tls(self, caller: Caller) -> None:
        """Raises OSError for a caller that begins with something else than TLS."""
        code = first_bytes(await peek(caller.socket, self._deadline()), tls=True)
        if code:
            self._refuse(code, caller.socket.getpeername()[0])
            # A close with unread bytes would take the answer along.
            caller.socket.recv(MOST_REQUEST)
            caller.socket.send(PLAIN_ANSWER)
            raise ConnectionAbortedError(code)
