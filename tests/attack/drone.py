"""A client that reconnects over a link with a round trip: how long until its `welcome`."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from attack.crowd import Member

RETRY = 0.1
"""Seconds that a refused client waits before its next try."""


class Drone(Member):
    """A Member whose packets take half a round trip, in either direction."""

    def __init__(self, target: str, auth: str, round_trip: float) -> None:
        super().__init__("", "", auth)
        self._hello = (
            f"GET /socket.io/?EIO=4&transport=websocket{target} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self._half = round_trip / 2
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The kernel's SYN-ACK came at once: half a round trip for it, half for the request.
        self._loop.call_later(2 * self._half, super().connection_made, transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._loop.call_later(self._half, super().data_received, data)

    def say(self, text: str) -> None:
        """Send a text frame, which arrives half a round trip later."""
        self._loop.call_later(self._half, self._say_now, text)

    def _say_now(self, text: str) -> None:
        if not self.transport.is_closing():
            super().say(text)


async def reconnect(
    port: int, address: str, *, token: str = "", in_url: bool = False, round_trip: float = 0.0
) -> tuple[float, int]:
    """Get in from an address, as often as it takes: the seconds until `welcome`, and the tries."""
    query = f"&token={token}" if in_url and token else ""
    auth = "" if in_url or not token else json.dumps({"token": token})
    return await get_in(port, address, query, auth, round_trip)


async def get_in(
    port: int, address: str, query: str, auth: str, round_trip: float, patience: float = 60.0
) -> tuple[float, int]:
    """Like `reconnect`, for any query and any JSON of `auth`."""
    since, tries = time.monotonic(), 0
    while True:
        tries += 1
        member = await _try(port, address, query, auth, round_trip, patience)
        if member is not None:
            member.transport.abort()
            return time.monotonic() - since, tries
        await asyncio.sleep(RETRY)


async def _try(port: int, address: str, query: str, auth: str, *times: float) -> Any:
    round_trip, patience = times
    loop = asyncio.get_running_loop()
    try:
        _, member = await loop.create_connection(
            lambda: Drone(query, auth, round_trip), "127.0.0.1", port, local_addr=(address, 0)
        )
    except ConnectionError:
        return None
    await asyncio.wait(
        {member.welcomed, member.ended}, timeout=patience, return_when="FIRST_COMPLETED"
    )
    if member.welcomed.done() and not member.welcomed.cancelled():
        return member
    member.transport.abort()
    return None
