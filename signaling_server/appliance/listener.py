"""The listening socket: opened or taken back from systemd, and the door behind it.

The door accepts by itself instead of leaving it to asyncio, for three reasons: out of descriptors,
it turns callers away instead of letting them wait; the watchdog's own call still gets in then; and
when the socket is let go, no caller is lost who was accepted in that instant.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from typing import Any, Callable, Coroutine, Tuple

from signaling_server.appliance.systemd import STORED_NAME, Notifier, inherited_listeners
from signaling_server.errors import StartError

log = logging.getLogger(__name__)

Address = Tuple[Any, ...]  # as getpeername() gives it: host, port, and two more for IPv6

ADVICE = {
    errno.EADDRINUSE: "stop the program that has the port (ss -ltnp), or set listen.port",
    errno.EACCES: "choose a port from 1024 on, or have systemd open it (docs/operations.md)",
    errno.EADDRNOTAVAIL: "this machine has no such address: see ip address, or set listen.host",
    socket.EAI_NONAME: "no such address or name: set listen.host",
}
"""What to do about the reasons for which a port cannot be opened."""
ACCEPTS_PER_TURN = 64  # a storm of callers leaves the loop some time for the others
REQUEST_SECONDS = 0.05
"""What a caller gets at a stop to send the request that it came with."""
CLOSE_SECONDS = 1
PAUSE_SECONDS = 0.1  # before accepting again when not even the reserve is left
COMPLAINT_SECONDS = 10
TLS_HANDSHAKE_SECONDS = 10


def open_listener(host: str, port: int, backlog: int, notifier: Notifier) -> socket.socket:
    """The one listening socket for this address: taken back from systemd, else opened and stored.

    What systemd kept for another address is let go. Raises StartError.
    """
    try:
        family, address = _resolve(host, port)
        inherited = inherited_listeners()
        ours = next((one for one in inherited if one.socket.getsockname() == address), None)
        others = [one for one in inherited if one is not ours]
        if others:
            _let_go([other.socket for other in others], notifier)
        listener = ours.socket if ours else _bind(family, address)
        listener.listen(backlog)
    except OSError as error:
        reason = f"cannot listen on {host}, port {port}: {error.strerror}"
        raise StartError(reason, ADVICE.get(error.errno or 0, "")) from error
    listener.setblocking(False)
    if ours is None or (others and ours.name == STORED_NAME):
        notifier.store_listener(listener)
    return listener


def refuse_callers(notifier: Notifier) -> None:
    """Let go of what systemd kept, so that callers are refused at once instead of waiting."""
    _let_go([one.socket for one in inherited_listeners()], notifier)


def _let_go(listeners: list[socket.socket], notifier: Notifier) -> None:
    for listener in listeners:
        log.info("let go of the inherited socket on %s", listener.getsockname())
        listener.close()
    notifier.drop_listener()


def _resolve(host: str, port: int) -> tuple[int, Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, address


def _bind(family: int, address: Address) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is every address of the machine, whatever sysctl says of IPv4.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


class Reserve:
    """One descriptor kept for the time when all are used up."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self.refill()

    def refill(self) -> bool:
        """Whether there is one in reserve, after an attempt to take one."""
        if self._descriptor is None:
            with contextlib.suppress(OSError):
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor is not None

    def spend(self) -> bool:
        """Free the one in reserve for something better; False if there was none."""
        if self._descriptor is None:
            return False
        os.close(self._descriptor)
        self._descriptor = None
        return True


class Door:
    """Accepts callers and gives each to a protocol made by `factory`.

    `spawn` runs a coroutine in the background. `expects(address)` knows the callers who get in even
    when descriptors are used up or `is_full()`. A caller that has not sent a whole request within
    `deadline()` seconds has to go.
    """

    def __init__(
        self,
        listener: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        expects: Callable[[Address], bool] = lambda address: False,
        is_full: Callable[[], bool] = lambda: False,
        deadline: Callable[[], float] = lambda: 5.0,
    ) -> None:
        self.tls: ssl.SSLContext | None = None
        self.turned_away = 0
        self._listener = listener
        self._factory = factory
        self._spawn = spawn
        self._expects = expects
        self._is_full = is_full
        self._deadline = deadline
        self._strangers: dict[asyncio.BaseProtocol, asyncio.TimerHandle | None] = {}
        self._reserve = Reserve()
        self._entering: set[asyncio.Task[None]] = set()
        self._complained_at = -float(COMPLAINT_SECONDS)
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Accept from now on."""
        if self._listener.fileno() != -1:
            self._loop.add_reader(self._listener, self._accept_some)

    async def close(self) -> None:
        """Accept no more. Who was accepted gets in; who still waits is the next process's caller.

        Never shutdown(): the socket lives on in systemd's store.
        """
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._reserve.spend()
        if self._entering:
            await asyncio.wait(self._entering, timeout=CLOSE_SECONDS)
        if self._strangers:  # the request of who has just come in is on its way
            await asyncio.sleep(REQUEST_SECONDS)

    @property
    def entering(self) -> int:
        """Callers who are not with their protocol yet, such as those in a TLS handshake."""
        return len(self._entering)

    def recognise(self, protocol: asyncio.BaseProtocol) -> None:
        """A caller has sent a whole request: it may stay."""
        timer = self._strangers.pop(protocol, None)
        if timer:
            timer.cancel()

    def _turn_out(self, protocol: asyncio.BaseProtocol, transport: Any) -> None:
        """End a caller that has not sent one whole request by now."""
        del self._strangers[protocol]
        transport.abort()

    def _accept_some(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            accepted = self._accept()
            if accepted is None:
                return
            caller, address = accepted
            full = not self._reserve.refill() or self._is_full()
            if full and not self._expects(address):
                self._turn_away(caller)
            else:
                caller.setblocking(False)
                task = self._spawn(self._let_in(caller))
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)

    def _accept(self) -> tuple[socket.socket, Address] | None:
        """The next caller, if need be with the descriptor in reserve; None: not now."""
        try:
            return self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError:
            if self._reserve.spend():
                return self._accept()
            self._loop.remove_reader(self._listener)
            self._loop.call_later(PAUSE_SECONDS, self.open)
            return None

    def _turn_away(self, caller: socket.socket) -> None:
        caller.close()
        self._reserve.refill()
        self.turned_away += 1
        now = self._loop.time()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            log.error("no more connections, %d callers turned away so far", self.turned_away)

    async def _let_in(self, caller: socket.socket) -> None:
        timeout = TLS_HANDSHAKE_SECONDS if self.tls else None
        protocol = self._factory()
        self._strangers[protocol] = None
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, caller, ssl=self.tls, ssl_handshake_timeout=timeout
            )
            if protocol in self._strangers:  # its request may be here already
                self._strangers[protocol] = self._loop.call_later(
                    self._deadline(), self._turn_out, protocol, transport
                )
        except (OSError, asyncio.TimeoutError) as error:
            self._strangers.pop(protocol, None)
            caller.close()
            log.debug("a caller did not get in: %s", error)
