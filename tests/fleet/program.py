"""A client's program that stays in a call: it comes back after each break, with its session.

It counts what it says, and keeps what it hears, so that a test sees what came twice, late or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from typing import Any, Callable, NamedTuple, Sequence
from urllib.parse import urlencode

import aiohttp

AGAIN = 0.1
"""Seconds between a break and the next try."""
OPEN_SECONDS = 1.0
"""A server that does not answer for so long is left for the next one."""
PAUSE = 0.01
"""Seconds between two signals."""


class Heard(NamedTuple):
    """A signal."""

    number: int
    run: int
    """0, 1, ...: of the sender's program."""
    at: float


class Program:
    """Knows some servers, and goes through them; speaks to `other` while that one is there."""

    def __init__(
        self,
        name: str,
        other: str,
        urls: Sequence[str],
        room: str = "drone-1",
        pause: float = PAUSE,
    ) -> None:
        self.name, self.other = name, other
        self.urls = list(urls)
        self.url = ""
        """Where it was welcome last."""
        self._which = 0
        self._room = room
        self._pause = pause
        self._session = secrets.token_urlsafe(12)
        self._seen = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._news = asyncio.Event()
        self.peers: set[str] = set()
        """Whom it knows to be in the room."""
        self.sent: list[float] = []
        """When each number was sent."""
        self.answers: dict[int, dict[str, Any]] = {}
        """By number: what the server said of a signal."""
        self.heard: list[Heard] = []
        self.welcomes: list[dict[str, Any]] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        """All but signals."""
        self.breaks: list[float] = []
        self.speaks = False
        self.token = ""

    # --- for tests --------------------------------------------------------------------------------

    async def start(self) -> Program:
        """Connect; returns when it is welcome."""
        self._tasks.append(asyncio.get_running_loop().create_task(self._stay()))
        await self.until(lambda: bool(self.welcomes))
        return self

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what only events can bring."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def hears_what_is_said_after(self, moment: float, sender: Program) -> float:
        """Wait for a signal that was sent after a moment; returns when it came."""
        start = len(self.heard)

        def fresh() -> list[Heard]:
            return [one for one in self.heard[start:] if sender.sent[one.number] > moment]

        await self.until(lambda: bool(fresh()))
        return fresh()[0].at

    def speak(self) -> None:
        """Say something again and again, as long as the other one is there."""
        self.speaks = True
        self._tasks.append(asyncio.get_running_loop().create_task(self._speak()))

    def move_to(self, url: str) -> None:
        """Lose the connection, and come back at this host, or else at the next of `urls`."""
        self._which = self.urls.index(url)
        if self._socket is not None:
            _abort(self._socket)

    def longest_gap(self, after: float = 0.0) -> float:
        """Seconds between two signals that it heard."""
        times = [one.at for one in self.heard if one.at >= after]
        return max((late - early for early, late in zip(times, times[1:])), default=0.0)

    def assert_in_order(self) -> None:
        """Nothing twice, nothing before what was said earlier."""
        numbers = [one.number for one in self.heard]
        assert len(set(numbers)) == len(numbers), "heard twice"
        assert numbers == sorted(numbers), "heard in another order"

    # --- the network ------------------------------------------------------------------------------

    async def _stay(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                url = self.urls[self._which % len(self.urls)]
                if not await self._visit(session, url):
                    self._which += 1
                self.peers.clear()
                self._news.set()
                await asyncio.sleep(AGAIN)

    async def _visit(self, session: aiohttp.ClientSession, url: str) -> bool:
        """Be connected until the connection breaks; False: it was not welcome."""
        query = {"EIO": 4, "transport": "websocket", "room": self._room, "name": self.name}
        if self.token:
            query["token"] = self.token
        welcomes = len(self.welcomes)
        address = f"{url}/socket.io/?{urlencode(query)}"
        with contextlib.suppress(aiohttp.ClientError, OSError, asyncio.TimeoutError):
            opening = session.ws_connect(address, max_msg_size=0, autoping=True)
            socket = await asyncio.wait_for(opening, OPEN_SECONDS)
            try:
                await asyncio.wait_for(socket.receive_str(), OPEN_SECONDS)
                hello = {"session": self._session, "seen": self._seen}
                await socket.send_str(f"40{json.dumps(hello)}")
                await self._listen(socket, url)
            except TypeError:  # the end, where a text was awaited
                pass
            finally:
                self._socket = None
                await asyncio.shield(_close(socket))
        if len(self.welcomes) > welcomes:
            self.breaks.append(time.monotonic())
            return True
        return False

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, url: str) -> None:
        timeout: float | None = OPEN_SECONDS
        while True:
            message = await asyncio.wait_for(socket.receive(), timeout)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            text = message.data
            if text == "2":
                await socket.send_str("3")
            elif text.startswith("42"):
                event, payload = json.loads(text[2:])
                if event == "welcome":
                    timeout, self._socket, self.url = None, socket, url
                self._hear(event, payload)
            elif text.startswith("43"):
                ack, _, answer = text[2:].partition("[")
                self.answers[int(ack)] = json.loads("[" + answer)[0]
            self._news.set()

    def _hear(self, event: str, payload: dict[str, Any]) -> None:
        if event == "signal":
            self._seen = payload["seq"]
            data = payload["data"]
            self.heard.append(Heard(data["number"], 0, time.monotonic()))
            return
        self.events.append((event, payload))
        if event == "welcome":
            self.welcomes.append(payload)
            self._seen = self._seen if payload["resumed"] else 0
            self.peers = {peer["peer_id"] for peer in payload["peers"]}
        elif event == "peer_joined":
            self.peers.add(payload["peer_id"])
        elif event == "peer_left":
            self.peers.discard(payload["peer_id"])

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            socket = self._socket
            if not self.speaks or socket is None or self.other not in self.peers:
                continue
            number = len(self.sent)
            self.sent.append(time.monotonic())
            signal = {"type": "ice-candidate", "to": self.other, "data": {"number": number}}
            with contextlib.suppress(OSError, aiohttp.ClientError):
                await socket.send_str(f'42{number}["signal",{json.dumps(signal)}]')


async def _close(socket: aiohttp.ClientWebSocketResponse) -> None:
    _abort(socket)
    await socket.close()


def _abort(socket: aiohttp.ClientWebSocketResponse) -> None:
    response: Any = socket._response
    if response.connection is not None:
        response.connection.transport.abort()
