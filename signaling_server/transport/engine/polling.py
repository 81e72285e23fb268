"""The HTTP bodies of clients that poll, as engine.io should read them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web
from engineio import payload
from engineio.async_drivers import aiohttp as driver

from signaling_server.core.protocol.limits import Budget

# A client sends all that it has to say in one body: at 16 packets, the default, a burst of
# candidates ends its connection. The bytes of a body are bounded by `max_http_buffer_size`.
payload.Payload.max_decode_packets = MAX_PACKETS = 4096

ENGINE_PACKET = re.compile(r"4\d|[1-6](?:probe)?\Z")
"""How an Engine.IO v4 packet of a client begins; 4 is MESSAGE, and a digit begins each of ours.

engine.io would parse all else as JSON, and not survive a deep one.
"""
_SEPARATOR = "\x1e"
_ATTACHMENT = "b"
"""Begins a packet of base64: the attachment of an event that is refused."""


class Body:
    """A request's body as engine.io reads it: with one call."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, length: int) -> bytes:
        """All of it."""
        return self._content


async def read_body(request: web.Request, most: int, budget: Budget, seconds: float) -> bytes:
    """The packets of a POST. Raises ValueError for what is no packet, too large or too late."""
    length = request.content_length or 0
    budget.charge(length)
    try:
        if length > most or budget.exceeded_by(length):
            raise ValueError("there is no room for the body")
        # Whole: aiohttp's read() gives what the network has so far.
        body = await asyncio.wait_for(request.content.readexactly(length), seconds)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError, web.RequestPayloadError):
        raise ValueError("the body is not complete") from None
    finally:
        budget.release(length)
    packets = [one for one in body.decode().split(_SEPARATOR) if one[:1] != _ATTACHMENT]
    if len(packets) > MAX_PACKETS or not all(map(ENGINE_PACKET.match, packets)):
        raise ValueError("the body has what is no packet")
    return _SEPARATOR.join(packets).encode()


def translate_request(request: web.Request) -> dict[str, Any]:
    """The environ that engine.io works with."""
    environ: dict[str, Any] = driver.translate_request(request)
    environ["wsgi.input"] = Body(request.get("body", b""))
    environ["QUERY_STRING"] = query_of(request)
    return environ


def upgrades(request: web.Request) -> bool:
    """Whether a GET asks for a WebSocket, and is no poll (as engine.io decides it)."""
    protocol, options = (
        ",".join(request.headers.getall(name, [])).lower() for name in ("Upgrade", "Connection")
    )
    return protocol == "websocket" and "upgrade" in [one.strip() for one in options.split(",")]


def query_of(request: web.Request) -> str:
    """The query as it was sent: aiohttp's is decoded, and a second decoding finds other fields."""
    query: str = request.rel_url.raw_query_string
    return query
