"""Clients of a server process whose every frame is written down, and the stage that they are on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import time
from types import TracebackType
from typing import Any, Callable, Sequence
from urllib.parse import urlencode

import aiohttp

from contract import watch
from integration.raw import RawClient
from integration.recording import Recording, rows_of
from integration.server import PATIENCE, ServerProcess

SHOWN = ("Retry-After", "WWW-Authenticate")
"""The headers of an answer that are written down."""


class Player(RawClient):
    """A client whose frames are written down, as `who > sent` and `who < heard`."""

    def __init__(self, recording: Recording, who: str, url: str, **query: str) -> None:
        super().__init__(url, **query)
        self._recording = recording
        self._who = who
        self.peer_id = ""
        self.over = False
        """Whether its connection has ended."""
        recording.wire.append(f"{who} opens ?{urlencode(query)}")

    async def send(self, text: str) -> None:
        self._recording.wire.append(f"{self._who} > {text}")
        await super().send(text)

    async def receive(self) -> str:
        try:
            text = await super().receive()
        except ConnectionError as error:
            self._over(f"< ({error.args[0].type.name.lower()})")
            raise
        self._recording.learn(text)
        if text.startswith('42["welcome"'):
            self.peer_id = json.loads(text[2:])[1]["peer_id"]
        self._recording.wire.append(f"{self._who} < {self._without_chance(text)}")
        return text

    def _without_chance(self, text: str) -> str:
        """Who yields depends on the sid, if one of the two has no name."""
        if '"name":' in text and not self._recording.is_sid(self.peer_id):
            return text
        return re.sub(r'"polite":\w+', '"polite":<by sid>', text)

    async def hears(self, count: int) -> None:
        """Receive so many frames."""
        for _ in range(count):
            await self.receive()

    async def hears_the_end(self) -> None:
        """Receive all frames up to the end of the connection."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self.receive()

    async def signal(self, body: str, ack: str = "") -> None:
        """Send a signal; with an ack id, hear one more frame, the answer."""
        await self.send(f'42{ack}["signal",{body}]')
        if ack:
            await self.receive()

    async def close(self) -> None:
        """Close the WebSocket in good order."""
        self._over("closes its WebSocket")
        await self._socket.close()

    def break_off(self) -> None:
        """Lose the connection."""
        self._over("loses its connection")
        transport: Any = self._socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()

    def _over(self, how: str) -> None:
        self._recording.wire.append(f"{self._who} {how}")
        self.over = True


class Poller:
    """A client that polls, written down in the same way."""

    def __init__(self, recording: Recording, who: str, url: str, **query: str) -> None:
        self._recording = recording
        self._who = who
        self._url = f"{url}/socket.io/?{urlencode({'EIO': 4, 'transport': 'polling', **query})}"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE))
        self._frames = watch.Frames()
        recording.wire.append(f"{who} opens ?{urlencode(query)} (polling)")

    async def __aenter__(self) -> Poller:
        opened = await self.hears(1)
        self._url += f"&sid={json.loads(opened[1:])['sid']}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def send(self, text: str) -> None:
        """POST one frame."""
        self._frames.sent(text)
        self._recording.wire.append(f"{self._who} > {text}")
        async with self._session.post(self._url, data=text) as answer:
            assert answer.status == 200

    async def hears(self, count: int) -> str:
        """GET so many frames; returns the last one."""
        frames: list[str] = []
        while len(frames) < count:
            async with self._session.get(self._url) as answer:
                frames += (await answer.text()).split("\x1e")
        for frame in frames:
            self._frames.received(frame)
            self._recording.learn(frame)
            self._recording.wire.append(f"{self._who} < {frame}")
        return frames[-1]


class Play:
    """One server and its clients. Use it as an async context manager: all connections end."""

    def __init__(self, recording: Recording, server: ServerProcess) -> None:
        self.recording = recording
        self._server = server
        self._stack = contextlib.AsyncExitStack()
        self._session: aiohttp.ClientSession
        self._players: list[Player] = []
        self._ended = 0

    async def __aenter__(self) -> Play:
        timeout = aiohttp.ClientTimeout(PATIENCE)
        self._session = aiohttp.ClientSession(self._server.url, timeout=timeout)
        await self._stack.enter_async_context(self._session)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def opens(self, who: str, **query: str) -> Player:
        """A client that has a connection."""
        player = Player(self.recording, who, self._server.url, **query)
        self._players.append(player)
        await self._stack.enter_async_context(player)
        return player

    async def joins(self, who: str, auth: str = "", **query: str) -> Player:
        """A client that has said hello, and heard the answer and `welcome`."""
        player = await self.opens(who, **query)
        await player.send(f"40{auth}")
        await player.hears(2)
        return player

    async def polls(self, who: str, **query: str) -> Poller:
        """A client that has a connection, and polls."""
        poller = Poller(self.recording, who, self._server.url, **query)
        return await self._stack.enter_async_context(poller)

    async def get(self, path: str) -> None:
        """Write down the answer to a GET request."""
        async with self._session.get(path) as answer:
            shown = [f"{name}: {answer.headers[name]}" for name in SHOWN if name in answer.headers]
            line = " ".join([str(answer.status), *shown, (await answer.text()).strip()])
        self.recording.wire.append(f"GET {path} < {line}")

    async def leaves(self, player: Player) -> None:
        """Say goodbye, and wait until the server has noticed."""
        await player.send("41")
        await self.ended()

    async def ended(self) -> None:
        """Wait until the server has logged the end of one more connection."""
        self._ended += 1
        deadline = time.monotonic() + PATIENCE
        while _ends_in(self._server.lines) < self._ended:
            assert time.monotonic() < deadline, self._server.lines
            await asyncio.sleep(0.01)

    async def until_away(self, peer_id: str) -> None:
        """Wait until the server has noticed that a peer lost its connection."""
        await self._until("/api/status", lambda page: (peer_id, "away") in _states_in(page))

    async def _until(self, path: str, condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            async with self._session.get(path) as answer:
                page = await answer.text()
            if condition(page):
                return
            assert time.monotonic() < deadline, page
            await asyncio.sleep(0.01)

    async def status(self, title: str, events: bool = False) -> None:
        """Write down /api/status, perhaps with the events, of which all come each time."""
        async with self._session.get("/api/status") as answer:
            found = await answer.json()
        if not events:
            del found["events"]
        self.recording.status += ["", f"# {title}", *rows_of(found)]

    async def metrics(self, title: str) -> None:
        """Write down /metrics."""
        async with self._session.get("/metrics") as answer:
            self.recording.metrics += ["", f"# {title}", *(await answer.text()).splitlines()]

    async def stop(self, *present: Player) -> None:
        """Hear whether those who had to go heard more; stop the server, which ends the others."""
        self.recording.wire.append("nobody who has gone hears more")
        for player in self._players:
            if not player.over and player not in present:
                await player.hears_the_end()
        self.recording.wire.append("the server stops")
        self._server.send(signal.SIGTERM)
        for player in present:
            await player.hears_the_end()
        assert await self._server.exit_code() == 0


def _ends_in(log: Sequence[str]) -> int:
    """How many connections have ended."""
    return sum(bool(re.search(r"connection of \S+ from .* ended \(", line)) for line in log)


def _states_in(status: str) -> list[tuple[str, str]]:
    """The peers of all rooms and their states."""
    rooms = json.loads(status)["rooms"]
    return [(peer["peer_id"], peer["state"]) for room in rooms for peer in room["peers"]]
