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

A caller waits outside until it has sent something (silent_callers.py): one that never does costs a
socket and no more. Then it waits on the porch (core/protocol/porch.py), where the addresses take
turns, and those of an address that floods wait for each other, until their deadline. One whose
first line has a valid token is let in at once.
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
from signaling_server.appliance.silent_callers import SilentCallers
from signaling_server.core.protocol.porch import Porch
from signaling_server.core.protocol.refusals import first_bytes
from signaling_server.entrance import Entrance

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 64
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
        self.accepted = 0
        """Callers taken from the kernel's accept queue so far."""
        self._factory = factory
        self._spawn = spawn
        self._entrance = Entrance(lambda: 2048) if entrance is None else entrance
        self._entrance.when_evicted = self._note_flood
        self._room = room
        self._deadline = deadline
        self._vouches = vouches
        self._tls = tls
        self._refuse = refuse
        self._listener: socket.socket | None = None
        self._expects: Callable[[Address], bool] = lambda address: False
        self._strangers: dict[asyncio.BaseProtocol, Caller] = {}
        """Callers that have a protocol and have not sent a whole request."""
        self._silent = SilentCallers(self._hear, self._let_some_in)
        self._porch: Porch[Caller] = Porch()
        self._next: asyncio.Handle | None = None
        """Lets the next ones in from the porch."""
        self._waiting = 0
        """Callers outside and on the porch."""
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
            self._silent.close()
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._reserve.spend()
        for caller in self._silent.take_all():
            self._start(caller)  # its request may be on the way
        self._silent.close()
        while (waits := self._porch.take_any()) is not None:
            self._start(waits)
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
            caller.stop_timer()

    def _accept_some(self, listener: socket.socket) -> None:
        self._silent.hear()  # before any of them has to make room for others
        room = self._room()  # asked once a turn: for the answer, all connections are counted
        for _ in range(ACCEPTS_PER_TURN):
            accepted = self._accept(listener)
            if accepted is None:
                break
            self.accepted += 1
            sock, address = accepted
            full = not self._reserve.refill() or self.entering - len(self._entrance) >= room
            if full and not self._expects(address):
                self._turn_away(sock)
                continue
            self._receive(Caller(sock, address[0]), self._expects(address))

    def _receive(self, caller: Caller, expected: bool) -> None:
        """A caller has been accepted: it waits until it says something, unless it is expected."""
        self._waiting += 1
        if expected:
            self._start(caller)
            return
        self._silent.add(caller)
        caller.timer = self._loop.call_later(self._deadline(), self._end, caller)
        self._entrance.add(caller, caller.address, functools.partial(self._end, caller))

    def _hear(self, caller: Caller) -> None:
        """A caller has sent its first bytes, or has gone."""
        first_line = caller.first_line
        if first_line is None:
            self._end(caller)
            return
        self._entrance.progress(caller)
        if self._vouches(first_line):
            self._start(caller)
        elif not self._porch.add(caller.address, caller, self._loop.time()):
            caller.stop_timer()  # a paced one goes at its deadline: else a flood would never end

    def _let_some_in(self) -> None:
        """Let callers in from the porch, the addresses in turn; those left have to wait a turn."""
        now = self._loop.time()
        for _ in range(LET_IN_PER_TURN):
            caller = self._porch.take(now)
            if caller is None:
                break
            self._start(caller)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        wait = self._porch.wait(now)
        if wait is not None:  # uvloop counts milliseconds, and would not wait for less than one
            self._next = self._loop.call_later(wait and max(wait, 0.001), self._let_some_in)

    def _start(self, caller: Caller) -> None:
        self._waiting -= 1
        caller.stop_timer()
        caller.entering = True
        caller.socket.setblocking(False)
        task = self._spawn(self._let_in(caller))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    def _note_flood(self, address: str) -> None:
        self._porch.flooded(address, self._loop.time())

    def _end(self, caller: Caller) -> None:
        self._entrance.leave(caller)
        if caller.protocol is not None:
            self._strangers.pop(caller.protocol, None)
        if not caller.entering:
            self._waiting -= 1
            self._silent.remove(caller)
            self._porch.remove(caller.address, caller)
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
