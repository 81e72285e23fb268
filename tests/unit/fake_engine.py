"""The parts of the transport around a library that is not there."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.protocol.events import Fact, Output, Rejected
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.relay import Relay
from signaling_server.entrance import Entrance
from signaling_server.transport.admission import Admission
from signaling_server.transport.closing import Closer
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.handlers import Handlers
from signaling_server.transport.switchboard import Switchboard
from unit.fake_socket import FakeSocket


class FakeEngine:
    """A SocketIOServer. `dispatch` does what a test puts there."""

    frame_limit = 1000
    patience = 0.05

    def __init__(self) -> None:
        self.sockets: dict[str, Any] = {}
        self.done: list[str] = []
        self.dispatch: Callable[[str, str], Awaitable[None]] = self._dispatch

    async def _dispatch(self, engine_sid: str, packet: str) -> None:
        self.done.append(f"dispatch {packet}")

    async def disconnect(self, sid: str) -> None:
        self.done.append(f"disconnect {sid}")

    def remove_socket(self, engine_sid: str) -> None:
        del self.sockets[engine_sid]
        self.done.append(f"remove socket {engine_sid}")

    def remove_client(self, sid: str) -> None:
        self.done.append(f"remove client {sid}")


class Transport:
    """All that a Gate and an endpoint stand in front of."""

    def __init__(self, config: Config | None = None, tokens: Any = None) -> None:
        config = config or Config()
        self.settings = Settings(Loaded(config, {}, tokens))
        self.facts: list[Fact] = []
        self.reports: list[Any] = []
        self.engine: Any = FakeEngine()
        self.relay = Relay(config)
        self.background = Background()
        self.connections = Connections()
        self.closer = Closer(self.connections, self.engine.disconnect, self.background)
        self.entrance = Entrance(lambda: self.settings.current.limits.strangers)
        self.admission = Admission(
            self.settings,
            self.relay,
            lambda: len(self.engine.sockets) - self.entrance.sessions,
            self.connections.pulse,
        )
        self.switchboard = Switchboard(
            self.settings, self.relay, self.connections, self.closer, self.facts.append
        )
        self.handlers = Handlers(
            self.settings,
            self.engine,
            self.connections,
            self.admission,
            self.switchboard,
            self.closer,
            self.facts.append,
            lambda *report: self.reports.append(report),
            self.entrance,
        )

    def open(self, engine_sid: str = "engine-sid", transport: str = "websocket") -> FakeSocket:
        """A connection that has not sent CONNECT."""
        socket = FakeSocket(engine_sid, transport)
        self.engine.sockets[engine_sid] = socket
        return socket

    def connect(self, sid: str, socket: FakeSocket, name: str = "") -> Connection:
        """A client that has sent CONNECT, and hears all that it is told."""
        connection = Connection(sid, socket, "127.0.0.1", LimitsSettings())
        connection.hello = Hello("default", name or None)
        self.connections.add(connection)
        return connection

    def rejections(self) -> list[str]:
        """The codes of what was rejected."""
        return [fact.code for fact in self.facts if isinstance(fact, Rejected)]


def crash(*_: object) -> list[Output]:
    """A part that fails."""
    raise RuntimeError("injected")
