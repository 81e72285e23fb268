"""The HTTP bodies of clients that poll, as engine.io should read them."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import StreamReader, web
from engineio import exceptions, payload
from engineio.async_drivers import aiohttp as driver

# A client sends all that it has to say in one body: at 16 packets, the default, a burst of
# candidates ends its connection. The bytes of a body are bounded by `max_http_buffer_size`.
payload.Payload.max_decode_packets = 4096


class Body:
    """A request's body, whole: engine.io reads once, which gives what the network has so far."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content

    async def read(self, length: int) -> bytes:
        """Its `length` bytes; raises EngineIOError if they do not come."""
        try:
            return await self._content.readexactly(length)
        except (asyncio.IncompleteReadError, OSError, web.RequestPayloadError) as error:
            raise exceptions.EngineIOError("the body is not complete") from error


def translate_request(request: web.Request) -> dict[str, Any]:
    """The environ that engine.io works with."""
    environ: dict[str, Any] = driver.translate_request(request)
    environ["wsgi.input"] = Body(request.content)
    return environ
