"""A WebSocket client for Engine.IO v4 and Socket.IO v5 that sends texts exactly as given."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Mapping
from urllib.parse import urlencode

import aiohttp

from integration import in_fleet
from integration.server import PATIENCE


class RawClient:
    """Use it as an async context manager; then send CONNECT with `hello`."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, **query: str) -> None:
        self._headers = headers
        url = in_fleet.address(url)
        self._url = f"{url}/socket.io/?{urlencode({'EIO': 4, 'transport': 'websocket', **query})}"
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> RawClient:
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(
                self._url, headers=self._headers, max_msg_size=0
            )
            opened = await self.receive()
            assert opened.startswith("0{")
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def hello(self) -> list[str]:
        """Send CONNECT; returns its answer and the `welcome`."""
        await self.send("40")
        return [await self.receive(), await self.receive()]

    async def send(self, text: str) -> None:
        """Send one frame."""
        await self._socket.send_str(text)

    async def receive(self) -> str:
        """The next frame other than PING, which it answers."""
        while True:
            message = await asyncio.wait_for(self._socket.receive(), PATIENCE)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(message)
            if message.data != "2":
                return str(message.data)
            await self.send("3")

    async def next(self, event: str) -> str:
        """The next frame with this event."""
        while True:
            text = await self.receive()
            if text.startswith(f'42["{event}"'):
                return text

    async def next_ack(self) -> str:
        """The next ack."""
        while True:
            text = await self.receive()
            if text.startswith("43"):
                return text

    def break_off(self) -> None:
        """Lose the connection."""
        transport: Any = self._socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()

    def stop_reading(self) -> None:
        """Stop reading from the network."""
        transport: Any = self._socket._response.connection.transport  # type: ignore[union-attr]
        transport.pause_reading()
