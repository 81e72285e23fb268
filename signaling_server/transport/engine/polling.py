"""HTTP requests as engine.io should see them: the bodies of polling clients, and the query."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Sequence

from aiohttp import web
from engineio.async_drivers import aiohttp as driver

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.packets import ENGINE_PACKET, MAX_PACKETS

SEPARATOR = "\x1e"
"""Between two packets of a body (Engine.IO v4)."""
MESSAGE = "4"
"""How the packets begin that carry one of Socket.IO."""
_ATTACHMENT = "b"
"""Begins a packet of base64: the attachment of a binary event, which is refused anyway."""


class Body:
    """The body of a request that is read already, for engine.io's one call of `read`."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, length: int) -> bytes:
        """The whole body."""
        return self._content


async def read_body(
    request: web.Request,
    most: int,
    budget: Budget,
    seconds: float,
    allow: Callable[[], bool] = lambda: True,
) -> list[str]:
    """The packets of a POST, without attachments; at least one.

    `allow()`: whether one more packet that is no MESSAGE may come. Raises ValueError if the body is
    larger than `most` bytes or than the memory allows, has not come after `seconds`, has something
    else than packets in it, or too many packets.
    """
    intake = _Intake(most, budget)
    try:
        # python-engineio 4.x calls read() once, and aiohttp's gives what the network has so far.
        content = _content(request, intake)
        # wait_for makes a task: not for a body that is all there, as most are.
        whole = request.content.is_eof()
        body = await (content if whole else asyncio.wait_for(content, seconds))
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError, web.RequestPayloadError):
        raise ValueError("the body is incomplete") from None
    finally:
        budget.release(intake.size)
    packets = [one for one in body.decode().split(SEPARATOR) if one[:1] != _ATTACHMENT]
    if len(packets) > MAX_PACKETS or not all(map(ENGINE_PACKET.match, packets)):
        raise ValueError("the body has something in it that is no packet")
    if not all(allow() for one in packets if one[:1] != MESSAGE):
        raise ValueError("too many packets that are no events")
    return packets


class _Intake:
    """The bytes of one body, counted to the memory of all."""

    def __init__(self, most: int, budget: Budget) -> None:
        self.size = 0
        self._most = most
        self._budget = budget

    def add(self, size: int) -> None:
        """Count bytes that are there, or will be; raises ValueError if there is no room."""
        self.size += size
        self._budget.charge(size)
        if self.size > self._most or self._budget.exceeded_by(self.size):
            raise ValueError("there is no room for the body")


async def _content(request: web.Request, intake: _Intake) -> bytes:
    """The body; of a chunked one (RFC 9112, section 7.1) nobody knows the length before."""
    length = request.content_length
    if length is not None:
        intake.add(length)
        return await request.content.readexactly(length)
    body = b""
    while not request.content.at_eof():
        piece = await request.content.readany()
        intake.add(len(piece))
        body += piece
    return body


def translate_request(request: web.Request, packets: Sequence[str] = ()) -> dict[str, Any]:
    """The environ that engine.io works with, given the packets of a POST."""
    environ: dict[str, Any] = driver.translate_request(request)
    environ["wsgi.input"] = Body(SEPARATOR.join(packets).encode())
    environ["QUERY_STRING"] = query_of(request)
    return environ


def forget_environ(environ: dict[str, Any]) -> None:
    """Keep the request alone: engine.io keeps an environ as long as the connection lives."""
    request = environ["aiohttp.request"]
    environ.clear()
    environ["aiohttp.request"] = request


def forget_request(environ: dict[str, Any]) -> None:
    """Keep the address alone, once nobody asks for more: a request is most of a connection."""
    address = address_in(environ)
    environ.clear()
    environ["REMOTE_ADDR"] = address


def address_in(environ: dict[str, Any]) -> str:
    """Where the client is, whether the request is forgotten or not."""
    request = environ.get("aiohttp.request")
    address: str | None = environ["REMOTE_ADDR"] if request is None else request.remote
    return address or ""


def upgrades(request: web.Request) -> bool:
    """Whether a GET asks for a WebSocket and is not a poll, decided like python-engineio 4.x."""
    protocol, options = (
        ",".join(request.headers.getall(name, [])).lower() for name in ("Upgrade", "Connection")
    )
    return protocol == "websocket" and "upgrade" in [one.strip() for one in options.split(",")]


def query_of(request: web.Request) -> str:
    """The query as it was sent: aiohttp decodes it, and a second decoding finds other fields."""
    query: str = request.rel_url.raw_query_string
    return query
