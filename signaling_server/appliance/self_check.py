"""The server's call to itself, through its own listening socket.

The call comes through the front door like any client's: it fails when the loop hangs, when the
server no longer accepts, and when another process answers on the port.

A check that is this strict must not fail because of others, or anyone could make systemd kill a
healthy server by filling it up. So it keeps a descriptor in reserve, the door lets it in by its
source address even when the server is full, it needs no token, and it does not verify the
certificate.

Nor may it fail because of the machine's network. Where the server cannot be called at all, the
outcome is NOT_TRIED, not FAILED: core/watchdog_rule.py judges by other means.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import ssl
import struct
from typing import Callable, Tuple

from signaling_server.appliance.descriptors import Reserve
from signaling_server.appliance.listener import Address
from signaling_server.core.watchdog_rule import Check, Listening, Outcome

log = logging.getLogger(__name__)

CHECK_SECONDS = 2
"""How long an answer may take."""
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
NOT_THERE = {
    errno.EADDRNOTAVAIL,  # the address is gone, or its family is switched off
    errno.EAFNOSUPPORT,  # a kernel without IPv6
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EACCES,  # the machine's own packet filter forbids the call,
    errno.EPERM,  # or IPAddressDeny= of the unit
}
"""Errors before a connection is established that say nothing about the server."""
QUEUE_OFFSET = 24
"""struct tcp_info, linux/tcp.h: of a listening socket, tcpi_unacked is the length of its accept
queue, and tcpi_sacked, the next one, the most that it may be (tcp_get_info() in net/ipv4/tcp.c)."""
TCP_INFO_BYTES = 32

Target = Tuple[int, Address]
"""A family and an address of it to call."""


class SelfCheck:
    """Calls the server through its listening socket and expects this very process to answer.

    `instance` is what this process's /healthz says under "instance"; `accepted()` is how many
    callers the server has accepted so far.
    """

    def __init__(
        self,
        listener: socket.socket,
        instance: str,
        accepted: Callable[[], int] = lambda: 0,
        *,
        tls: bool = False,
    ) -> None:
        self._listener = listener
        self._targets = targets(listener)
        self._instance = instance
        self._accepted = accepted
        self.tls = tls
        self._reserve = Reserve()
        self._source: Address | None = None
        """The address from which a check is calling at the moment."""
        self._connected = False

    def is_caller(self, address: Address) -> bool:
        """Whether a caller from this address is the check itself."""
        if self._source is None:
            return False
        host = address[0].rpartition("::ffff:")[2]  # IPv4, as a socket for both families shows it
        return (host, address[1]) == self._source[:2]

    async def __call__(self) -> Check:
        """Call each address until one answers, each for at most CHECK_SECONDS."""
        outcome, reasons = Outcome.NOT_TRIED, []
        for family, address in self._targets:
            answer, reason = await self._call(family, address)
            if answer is Outcome.ANSWERED:
                return Check(answer, "", self._listening())
            reasons.append(f"{address[0]}: {reason}")
            if answer is Outcome.FAILED:
                outcome = answer
        return Check(outcome, ", ".join(reasons), self._listening())

    async def _call(self, family: int, address: Address) -> tuple[Outcome, str]:
        self._connected = False
        self._reserve.spend()
        try:
            with socket.socket(family, socket.SOCK_STREAM) as caller:
                answer = await asyncio.wait_for(self._ask(caller, address), CHECK_SECONDS)
            if _instance_in(answer) == self._instance:
                return Outcome.ANSWERED, ""
            return Outcome.FAILED, "another process answers"
        except asyncio.TimeoutError:
            # The kernel establishes connections while the queue has room: it never got the call.
            lost = not self._connected and self._has_room()
            return (Outcome.NOT_TRIED if lost else Outcome.FAILED), "no answer"
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None)
            not_tried = not self._connected and number in NOT_THERE
            reason = os.strerror(number) if number else f"an answer that is not ours: {error}"
            return (Outcome.NOT_TRIED if not_tried else Outcome.FAILED), reason
        finally:
            self._source = None
            self._reserve.refill()

    async def _ask(self, caller: socket.socket, address: Address) -> bytes:
        caller.setblocking(False)
        # Bound before it connects, so that the door knows the address when the call arrives.
        caller.bind((address[0], 0, *address[2:]))
        self._source = caller.getsockname()
        await asyncio.get_running_loop().sock_connect(caller, address)
        self._connected = True
        reader, writer = await asyncio.open_connection(
            sock=caller,
            ssl=_unverified() if self.tls else None,
            server_hostname="localhost" if self.tls else None,
        )
        try:
            writer.write(REQUEST)
            return await reader.read()
        finally:
            writer.transport.abort()

    def _listening(self) -> Listening:
        try:
            listens = self._listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            waiting, _ = self._queue()
        except OSError:  # it is closed
            return Listening(False, 0, self._accepted())
        return Listening(listens, waiting, self._accepted())

    def _has_room(self) -> bool:
        try:
            waiting, most = self._queue()
        except OSError:
            return False
        return waiting <= most

    def _queue(self) -> tuple[int, int]:
        """How many callers wait to be accepted, and at most how many may."""
        info = self._listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        # An emulator of another architecture (qemu-user) gives 4 bytes: then nobody waits.
        waiting, most = struct.unpack_from("II", info.ljust(TCP_INFO_BYTES, b"\0"), QUEUE_OFFSET)
        return waiting, most


def targets(listener: socket.socket) -> list[Target]:
    """The addresses at which a listening socket can be called from this machine."""
    address = listener.getsockname()
    port = address[1]
    if address[0] == "0.0.0.0":
        return [(socket.AF_INET, ("127.0.0.1", port))]
    if address[0] != "::":
        return [(listener.family, address)]
    found: list[Target] = [(socket.AF_INET6, ("::1", port, 0, 0))]
    if not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        found.append((socket.AF_INET, ("127.0.0.1", port)))
    return found


def _unverified() -> ssl.SSLContext:
    """The server talks to itself: an expired certificate is no reason to be killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _instance_in(answer: bytes) -> str:
    """The "instance" in an answer from /healthz; raises ValueError if there is none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b" ")[1:2] != [b"200"]:
        raise ValueError(head[:80])
    try:
        return str(json.loads(body)["instance"])
    except (LookupError, TypeError) as error:
        raise ValueError(body[:80]) from error
