"""A server in the test's own process, so that a test can look inside and break it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import SimpleNamespace
from typing import Any, AsyncIterator, Callable, Mapping

import yaml

from integration.server import PATIENCE
from signaling_server.app import App
from signaling_server.core.config.load import load


class Inside:
    """A running App, and what python-socketio and engine.io keep about its clients."""

    def __init__(self, app: App, url: str) -> None:
        self.app = app
        self.url = url
        self.transport = app.transport
        self.sio: Any = app.transport._engine._sio

    def leftovers(self) -> dict[str, int]:
        """How much is kept of clients, by where: nothing when all have gone."""
        manager, transport = self.sio.manager, self.transport
        kept = {
            "manager rooms": manager.rooms,
            "manager pending": [*manager.pending_connect, *manager.pending_disconnect],
            "manager callbacks": manager.callbacks,
            "attachments": self.sio._binary_packet,
            "environments": self.sio.environ,
            "engine.io sockets": self.sio.eio.sockets,
            "connections": transport._connections.by_sid,
            "connections by engine.io sid": transport._connections.by_engine,
            "greeted": transport._gate._greeted,
            "deadlines of CONNECT": transport._gate._deadlines,
            "addresses": transport._admission._by_address,
            "peers": self.app.relay.peers,
            "rooms": self.app.relay.rooms,
            "timers of peers": self.app.relay.deadlines.peers(),
        }
        found = {where: len(what) for where, what in kept.items() if what}
        if self.app.relay.budget.used:
            found["bytes"] = self.app.relay.budget.used
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that no message tells."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.leftovers()
            await asyncio.sleep(0.01)

    async def empty(self) -> None:
        """Wait until nothing is kept of anybody."""
        await self.until(lambda: not self.leftovers())


@contextlib.asynccontextmanager
async def running(config: Mapping[str, Any] | None = None) -> AsyncIterator[Inside]:
    """A server on a free port of the loopback address."""
    text = yaml.safe_dump({"listen": {"host": "127.0.0.1", "port": 0}, **(config or {})})
    logs: Any = SimpleNamespace(set_level=lambda level: None, redirect=lambda writer: None)
    app = App(load([("test", text)], {}), logs)
    url = await app.start()
    try:
        yield Inside(app, url)
    finally:
        await app.stop()
