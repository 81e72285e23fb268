"""The server's own check of itself, on which systemd's watchdog depends.

It comes in through the front door like any client, so that a hung loop and a server that no longer
accepts are both caught. And it must not fail because others fill the server up: it has a descriptor
in reserve, and the server knows it by its source address and holds no limit against it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import time
from typing import Awaitable, Callable

from signaling_server.appliance.listener import Address, Reserve
from signaling_server.appliance.systemd import Notifier

log = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 3
PROBE_SECONDS = 2
TRUSTED_SECONDS = 8  # how long a probe that succeeded speaks for the server
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class SelfCheck:
    """Calls the server through its listening socket and expects this very process to answer.

    `instance` is what /healthz of this process says under "instance".
    """

    def __init__(self, listener: socket.socket, instance: str, *, tls: bool = False) -> None:
        address = listener.getsockname()
        self._family = listener.family
        self._target: Address = (LOOPBACK.get(address[0], address[0]), *address[1:])
        self._instance = instance
        self.tls = tls
        self._reserve = Reserve()
        self._source: Address | None = None

    def is_caller(self, address: Address) -> bool:
        """Whether a caller from this address is the check itself."""
        return self._source is not None and address[:2] == self._source[:2]

    async def __call__(self) -> bool:
        """Whether the server answers within PROBE_SECONDS."""
        self._reserve.spend()
        try:
            with socket.socket(self._family, socket.SOCK_STREAM) as probe:
                answer = await asyncio.wait_for(self._ask(probe), PROBE_SECONDS)
            return _instance_in(answer) == self._instance
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            log.debug("the self-check failed: %r", error)
            return False
        finally:
            self._source = None
            self._reserve.refill()

    async def _ask(self, probe: socket.socket) -> bytes:
        probe.setblocking(False)
        probe.bind((self._target[0], 0, *self._target[2:]))
        self._source = probe.getsockname()  # known to the server before it hears from us
        await asyncio.get_running_loop().sock_connect(probe, self._target)
        reader, writer = await asyncio.open_connection(
            sock=probe,
            ssl=_unverified() if self.tls else None,
            server_hostname="localhost" if self.tls else None,
        )
        try:
            writer.write(REQUEST)
            return await reader.read()
        finally:
            writer.transport.abort()


def _unverified() -> ssl.SSLContext:
    """We talk to ourselves: an expired certificate is no reason to be killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _instance_in(answer: bytes) -> str:
    """The "instance" of a /healthz answer; ValueError if it has none."""
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
    """Tell systemd twice in `watchdog_seconds` that the server lives, while its checks succeed.

    To be started when a check has succeeded; never returns.
    """
    succeeded_at = clock()

    async def keep_checking() -> None:
        nonlocal succeeded_at
        failed = False
        while True:
            await sleep(PROBE_EVERY_SECONDS)
            passed = await check()
            if passed:
                succeeded_at = clock()
            if passed and failed:
                log.warning("the server answers itself again")
            elif not passed and not failed:
                log.warning("the server does not answer itself")
            failed = not passed

    async def keep_telling() -> None:
        while True:
            if clock() - succeeded_at < TRUSTED_SECONDS:
                notifier.watchdog()
            await sleep(watchdog_seconds / 2)

    await asyncio.gather(keep_checking(), keep_telling())
