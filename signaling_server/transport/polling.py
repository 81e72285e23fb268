"""The HTTP bodies of clients that poll, as engine.io should read them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import StreamReader, web
from engineio import exceptions, payload
from engineio.async_drivers import aiohttp as driver

from signaling_server.core.limits import Budget

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
    """A request's body, whole: engine.io reads once, which gives what the network has so far."""

    def __init__(self, content: StreamReader, budget: Budget) -> None:
        self._content = content
        self._budget = budget

    async def read(self, length: int) -> bytes:
        """Its `length` bytes; raises EngineIOError if they do not come, or are no packets."""
        self._budget.charge(length)
        try:
            if self._budget.exceeded_by(length):
                raise ValueError("no memory is left for the body")
            body = await self._content.readexactly(length)
            packets = [one for one in body.decode().split(_SEPARATOR) if one[:1] != _ATTACHMENT]
        except (asyncio.IncompleteReadError, OSError, web.RequestPayloadError, ValueError) as error:
            raise exceptions.EngineIOError("the body is not complete, or no text") from error
        finally:
            self._budget.give(length)
        if len(packets) > MAX_PACKETS or not all(map(ENGINE_PACKET.match, packets)):
            raise exceptions.EngineIOError("the body has what is no packet")
        return _SEPARATOR.join(packets).encode()


def translate_request(budget: Budget, request: web.Request) -> dict[str, Any]:
    """The environ that engine.io works with."""
    environ: dict[str, Any] = driver.translate_request(request)
    environ["wsgi.input"] = Body(request.content, budget)
    environ["QUERY_STRING"] = query_of(request)
    return environ


def query_of(request: web.Request) -> str:
    """The query as it was sent: aiohttp's is decoded, and a second decoding finds other fields."""
    query: str = request.rel_url.raw_query_string
    return query
