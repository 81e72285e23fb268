"""The clients now in the field, as the server sees them: what they send, when, and what they
refuse. Only their URL names a room and a name.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Callable, Protocol

import socketio

from integration.client import Client

log = logging.getLogger(__name__)

FIRST_RETRY = 1.0
LAST_RETRY = 30.0
"""Seconds between two attempts of the Streaming Node to connect."""


class NodeCall(Protocol):
    """The Streaming Node's end of a direct connection."""

    async def offer(self) -> dict[str, Any]:
        """The `data` of the offer."""

    async def accept(self, answer: dict[str, Any]) -> None:
        """Take the `data` of the answer."""

    async def add_candidate(self, candidate: dict[str, Any]) -> None:
        """Take the `data` of a candidate, as browsers write it."""

    async def close(self) -> None:
        """Hang up."""


class GcomCall(Protocol):
    """GCOM's end of a direct connection."""

    async def answer(self, offer: dict[str, Any]) -> dict[str, Any]:
        """The `data` of the answer to the `data` of an offer."""

    async def close(self) -> None:
        """Hang up."""


class StreamingNode:
    """Offers whenever it hears `peer_joined`, and only then; each time it closes its call first.

    It reconnects by itself, without the help of its Socket.IO client.
    """

    def __init__(self, url: str, make_call: Callable[[], NodeCall]) -> None:
        self._url = url
        self._make_call = make_call
        self.call: NodeCall | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        delay = FIRST_RETRY
        while True:
            client = self._client()
            try:
                await client.connect(self._url, transports=["websocket"])
                delay = FIRST_RETRY
                await client.wait()
            except socketio.exceptions.ConnectionError:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LAST_RETRY)
            finally:
                await client.disconnect()

    def _client(self) -> Any:
        client = socketio.AsyncClient(reconnection=False)

        async def on_peer_joined(peer: dict[str, Any]) -> None:
            if self.call is not None:
                await self.call.close()
            self.call = call = self._make_call()
            offer = {"to": peer["peer_id"], "type": "offer", "data": await call.offer()}
            await client.emit("signal", offer)

        async def on_signal(signal: dict[str, Any]) -> None:
            if self.call is None:
                return
            if signal["type"] == "answer":
                await self.call.accept(signal["data"])
            elif signal["type"] == "ice-candidate" and signal["data"]:
                await self.call.add_candidate(signal["data"])

        client.on("peer_joined", on_peer_joined)
        client.on("signal", on_signal)
        client.on("error", lambda error: log.error("the server says: %s", error))
        return client


class Gcom:
    """Answers offers, ignores `peer_joined`, and refuses offers of all but the first who offered.

    `client` is its Socket.IO client. Each offer gets a new call: a browser would reuse the
    connection, which aiortc cannot.
    """

    def __init__(self, client: Client, make_call: Callable[[], GcomCall]) -> None:
        self._client = client
        self._make_call = make_call
        self._partner = ""
        self.calls: asyncio.Queue[GcomCall] = asyncio.Queue()
        """The calls it answered."""
        self.refused: list[str] = []
        """The peers whose offers it refused."""

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            signal = await self._client.next("signal", patience=None)
            if signal["type"] != "offer":
                continue
            self._partner = self._partner or signal["from"]
            if signal["from"] != self._partner:
                self.refused.append(signal["from"])
                continue
            call = self._make_call()
            answer = await call.answer(signal["data"])
            await self._client.emit(
                "signal", {"to": self._partner, "type": "answer", "data": answer}
            )
            await self._client.emit(
                "signal", {"to": self._partner, "type": "ice-candidate", "data": None}
            )
            self.calls.put_nowait(call)
