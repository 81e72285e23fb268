"""How STUN messages get to a server and back: UDP datagrams, or a stream over TCP or TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, cast

from signaling_server.core.ice import stun
from signaling_server.core.ice.stun_url import Target

CLOSE_SECONDS = 0.5
"""How long a stream may take to write the last message."""


class NotStunError(OSError):
    """Something else than a STUN server has answered."""


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket that hears one address only."""

    reliable = False

    def __init__(self) -> None:
        self._heard: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        """ICMP has told that nothing listens there, or that there is no way."""
        if isinstance(exc, OSError):
            self._heard.put_nowait(exc)

    def send(self, message: bytes) -> None:
        """Send one message."""
        self._transport.sendto(message)

    async def receive(self) -> bytes:
        """The next datagram. Raises OSError."""
        heard = await self._heard.get()
        if isinstance(heard, OSError):
            raise heard
        return heard

    async def close(self) -> None:
        """Close the socket."""
        self._transport.close()


class Stream:
    """A TCP or TLS connection."""

    reliable = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: bytes) -> None:
        """Send one message."""
        self._writer.write(message)

    async def receive(self) -> bytes:
        """The next message. Raises OSError."""
        try:
            start = await self._reader.readexactly(stun.HEADER_BYTES)
            size = stun.length(start)
            if size is None:
                raise NotStunError("what answers there is no STUN server")
            return start + await self._reader.readexactly(size - stun.HEADER_BYTES)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("it closes the connection") from None

    async def close(self) -> None:
        """Write what is left, and close."""
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), CLOSE_SECONDS)


async def connect(target: Target, address: str) -> Datagrams | Stream:
    """A way to `address`, one of those of `target`. Raises OSError."""
    if target.transport == "udp":
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(
            Datagrams, remote_addr=(address, target.port)
        )
        return protocol
    if target.transport == "tcp":
        return Stream(*await asyncio.open_connection(address, target.port))
    secured = asyncio.open_connection(address, target.port, ssl=_tls(), server_hostname=target.host)
    return Stream(*await secured)


def _tls() -> ssl.SSLContext:
    """Trusts any certificate: the question is whether a server answers, and what is sent proves
    the knowledge of a password without showing it, as over UDP. Clients do verify certificates.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
