"""The server's check of itself, on which systemd's watchdog depends.

systemd aborts the process if it hears no WATCHDOG=1 for WatchdogSec=. To send that from a timer
would prove no more than that the loop turns. So the check comes through the front door like any
client: it fails when the loop hangs, when the server no longer accepts, and when another process
answers on the port.

A check that is this strict must not fail because of others, or anyone could make systemd kill a
healthy server by filling it up. So it keeps a descriptor in reserve, the door lets it in by its
source address even when the server is full, it needs no token, and it does not verify the
certificate. And one failed check changes nothing: an onboard computer can stall for seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import time
from typing import Awaitable, Callable

from signaling_server.appliance.descriptors import Reserve
from signaling_server.appliance.listener import Address
from signaling_server.appliance.systemd import Notifier

log = logging.getLogger(__name__)

CHECK_EVERY_SECONDS = 3
CHECK_SECONDS = 2
"""How long an answer may take."""
TRUSTED_SECONDS = 8
"""How long a successful check vouches for the server: two failed ones in a row are forgiven."""
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class SelfCheck:
    """Calls the server through its listening socket and expects this very process to answer.

    `instance` is what this process's /healthz says under "instance".
    """

    def __init__(self, listener: socket.socket, instance: str, *, tls: bool = False) -> None:
        address = listener.getsockname()
        self._family = listener.family
        self._target: Address = (LOOPBACK.get(address[0], address[0]), *address[1:])
        self._instance = instance
        self.tls = tls
        self._reserve = Reserve()
        self._source: Address | None = None
        """The address from which a check is calling at the moment."""

    def is_caller(self, address: Address) -> bool:
        """Whether a caller from this address is the check itself."""
        return self._source is not None and address[:2] == self._source[:2]

    async def __call__(self) -> bool:
        """Whether the server answers within CHECK_SECONDS."""
        self._reserve.spend()
        try:
            with socket.socket(self._family, socket.SOCK_STREAM) as caller:
                answer = await asyncio.wait_for(self._ask(caller), CHECK_SECONDS)
            return _instance_in(answer) == self._instance
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            log.debug("self-check failed: %r", error)
            return False
        finally:
            self._source = None
            self._reserve.refill()

    async def _ask(self, caller: socket.socket) -> bytes:
        caller.setblocking(False)
        # Bound before it connects, so that the door knows the address when the call arrives.
        caller.bind((self._target[0], 0, *self._target[2:]))
        self._source = caller.getsockname()
        await asyncio.get_running_loop().sock_connect(caller, self._target)
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


async def keep_watch(
    notifier: Notifier,
    check: Callable[[], Awaitable[bool]],
    watchdog_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Send WATCHDOG=1 twice per `watchdog_seconds` while a check has succeeded recently.

    Start it when a check has just succeeded. It never returns.
    """
    succeeded_at = clock()

    async def keep_checking() -> None:
        nonlocal succeeded_at
        failed = False
        while True:
            await sleep(CHECK_EVERY_SECONDS)
            passed = await check()
            if passed:
                succeeded_at = clock()
            if passed and failed:
                log.warning("self-check succeeds again")
            elif not passed and not failed:
                log.warning("self-check failed")
            failed = not passed

    async def keep_notifying() -> None:
        while True:
            if clock() - succeeded_at < TRUSTED_SECONDS:
                notifier.watchdog()
            await sleep(watchdog_seconds / 2)

    await asyncio.gather(keep_checking(), keep_notifying())
