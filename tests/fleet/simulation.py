"""Hosts in one process and in virtual time: real rooms, links and doors, and sockets that are not.

The clients of a host come through no library: a test connects them with `Host.connect`, and reads
what was written to their sockets.
"""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any, Callable
from urllib.parse import urlencode

from yarl import URL

from fleet.memory_engine import MemoryEngine, MemoryRedis
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.fleet.host_record import HostRecord
from signaling_server.core.fleet.mac import signer
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.events import Fact
from signaling_server.core.protocol.relay import Relay
from signaling_server.entrance import Entrance
from signaling_server.fleet.fleet import Fleet
from signaling_server.transport.server import Transport
from unit.fake_socket import FakeSocket

SIGN = signer(b"secret")


class Client(FakeSocket):
    """One connection. `ended`: nothing more arrives."""

    def __init__(self, host: Host, sid: str) -> None:
        super().__init__(f"engine of {sid}")
        self.host, self.sio = host, sid
        self.ended = False
        self.when_written: Callable[[str], None] | None = None
        self.when_ended: Callable[[], None] | None = None

    def write(self, packet: str) -> bool:
        if not self.ended and self.when_written is not None:
            self.when_written(packet)
        return super().write(packet)

    def hang_up(self) -> None:
        self.end_with("transport close")

    def abort(self) -> None:
        self.end_with("transport close")

    def end_with(self, reason: str) -> None:
        if not self.ended:
            self.ended = self.closed = True
            self.host.sockets.pop(self.sid, None)
            asyncio.get_running_loop().call_soon(self._is_gone, reason)

    def _is_gone(self, reason: str) -> None:
        if not self.host.dead:
            self.host.handlers.disconnect(self.sio, reason)
        if self.when_ended is not None:
            self.when_ended()


class Host:
    """One host; with `redis` it is part of a fleet."""

    def __init__(
        self,
        config: Config,
        name: str,
        redis: MemoryRedis | None = None,
        jump: Any = int,
        observe: Callable[[Fact], None] | None = None,
        engine: Callable[[Any, str, str], MemoryEngine] = MemoryEngine,
    ) -> None:
        self.dead = False
        self.facts: list[Fact] = []
        """Unless `observe` takes them."""
        self.lone: tuple[LonePeer, ...] = ()
        """The lone peers that it tells the other hosts of."""
        self.relay = Relay(config, jump)
        settings = Settings(Loaded(config, {}))
        entrance = Entrance(lambda: 9)
        self.transport = Transport(
            settings, self.relay, observe or self.facts.append, lambda *report: None, entrance
        )
        self.handlers = self.transport._handlers
        self.sockets: Any = self.transport._engine.sockets
        self.fleet: Fleet | None = None
        if redis is None:
            return
        instance = f"{name}{random.getrandbits(32):x}"
        self.engine = engine(redis, instance, name)
        self.fleet = Fleet(
            self.engine,
            self.transport,
            config.fleet,
            instance,
            self.relay.budget,
            SIGN,
            lambda name: HostRecord(name, lone=self.lone),
            lambda room: room not in self.relay.rooms,
            lambda: max(config.resume.window, config.hold.max_age),
        )

    async def start(self) -> Host:
        if self.fleet is not None:
            await self.fleet.start()
        return self

    async def connect(self, sid: str, auth: dict[str, Any], **query: str) -> Client:
        """A client that has connected, or is being hung up on; it hears all that it is told."""
        client = Client(self, sid)
        await self.admit(client, auth, **query)
        return client

    async def admit(self, client: Client, auth: dict[str, Any], **query: str) -> None:
        """Handle the CONNECT of a client."""
        url = URL(f"/?{urlencode(query)}", encoded=True)
        request: Any = SimpleNamespace(remote="192.0.2.1", rel_url=url, headers={})
        self.sockets[client.sid] = client
        error = await self.handlers.connect(client.sio, client, request, auth)
        if error is not None:
            client.write(f"4{error.args}")
            client.end_with("transport close")
            return
        connection = self.transport._connections.by_sid.get(client.sio)
        if connection is not None:
            connection.outbox.uncork()
            if client.ended:
                self.handlers.forget(connection)

    def kill(self) -> None:
        """The process is gone: its clients notice that at once."""
        self.engine.kill()
        self._cease()
        for client in list(self.sockets.values()):
            client.end_with("transport close")

    def lose_power(self, notice: Callable[[], float]) -> None:
        """The machine is gone: Redis still believes its connections, and so do its clients, each
        for `notice()` seconds.
        """
        self.engine.dead = True
        self._cease()
        for client in list(self.sockets.values()):
            asyncio.get_running_loop().call_later(notice(), client.end_with, "ping timeout")

    def _cease(self) -> None:
        self.dead = True
        assert self.fleet is not None
        for background in (self.fleet._background, self.transport._background):
            for task in background._tasks:
                task.cancel()
        self.fleet.links.cancel()
        self.transport._switchboard.cancel()

    async def stop(self) -> None:
        """The end of the test."""
        if self.fleet is not None and not self.dead:
            await self.fleet.stop()
        self.transport._switchboard.cancel()
        await self.transport._background.cancel()
