"""The configuration: every key with its type, default, limits and meaning; YAML text <-> `Config`.

A key is stated once, as a field of its section: the reading of files, `print-config` and
etc/example.yaml are made from it. Sizes are in bytes, times in seconds.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, is_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from signaling_server.core.config.field_types import (
    ENDPOINT,
    FILE,
    HOST,
    ORIGINS,
    ROOM,
    TRANSPORTS,
    FieldType,
    boolean,
    float_,
    integer,
    one_of,
)
from signaling_server.core.config.ice_servers import ICE_SERVERS, TURN_URLS, IceServer

if TYPE_CHECKING:
    pass

T = TypeVar("T")


_A_DAY = 86400.0  # more seconds are a mistake of unit, such as milliseconds
_ENGINE_IO = "Engine.IO cuts off fractions of a second"


def key(default: T, type: FieldType, doc: str) -> T:
    """A key: a field that knows what it may hold and what it means."""
    return field(default=default, metadata={"type": type, "doc": doc})


@dataclass(frozen=True)
class ListenSettings:
    """Where the server listens. A change needs a restart."""

    host: str = key("0.0.0.0", HOST, '"0.0.0.0": every IPv4 address; "::": IPv6 as well')
    port: int = key(8080, integer(0, 65535), "TCP port; 0: any free one")
    backlog: int = key(4096, integer(1, 65535), "connections that may wait to be accepted")


@dataclass(frozen=True)
class SocketIOSettings:
    """The Socket.IO endpoint. A change needs a restart."""

    path: str = key("/socket.io", ENDPOINT, "the same as in the clients")
    cors_allowed_origins: Literal["*"] | tuple[str, ...] = key(
        "*", ORIGINS, 'web pages that may connect: "*" or [https://gcom.example]'
    )
    ping_interval: int = key(10, integer(1, 3600, _ENGINE_IO), "whole seconds between two pings")
    ping_timeout: int = key(10, integer(1, 3600, _ENGINE_IO), "whole seconds to wait for an answer")
    transports: tuple[Literal["websocket", "polling"], ...] = key(
        ("websocket", "polling"), TRANSPORTS, "websocket, polling or both"
    )
    compression: bool = key(False, boolean(), "compress WebSocket messages: costs CPU and memory")
    fast_path: bool = key(True, boolean(), "relay ordinary signals by the shortest way")


@dataclass(frozen=True)
class RoomsSettings:
    """Where peers meet. 0: no limit."""

    default: str = key("default", ROOM, "room of a client that names none")
    expected_peers: int = key(2, integer(0), "more in a room: a warning in the log")
    max_peers: int = key(0, integer(0), "more in a room are refused")
    max_rooms: int = key(1024, integer(0), "more rooms are refused")
    announce: Literal["everyone", "newcomers"] = key(
        "everyone",
        one_of("everyone", "newcomers"),
        "peer_joined: both ways; newcomers: only those there hear it",
    )


@dataclass(frozen=True)
class HoldSettings:
    """What waits in a room for a second peer; bounds of a room."""

    enabled: bool = key(True, boolean(), "false: nothing waits")
    max_messages: int = key(256, integer(), "signals")
    max_bytes: int = key(1048576, integer(), "bytes")
    max_age: float = key(60.0, float_(0.1, _A_DAY), "seconds")


@dataclass(frozen=True)
class ResumeSettings:
    """What waits for a peer that may come back; bounds of a peer."""

    window: float = key(30.0, float_(0, _A_DAY), "seconds it may be away; 0: not at all")
    max_messages: int = key(256, integer(), "signals")
    max_bytes: int = key(1048576, integer(), "bytes")


@dataclass(frozen=True)
class LimitsSettings:
    """What one client may take, and all together."""

    message_bytes: int = key(262144, integer(1, 2**24), "bytes of a signal")
    messages_per_second: float = key(200.0, float_(0.1, 10**6), "signals of a client, on average")
    burst: int = key(400, integer(), "signals of a client at once")
    connections: int = key(1024, integer(), "connections")
    connections_per_address: int = key(0, integer(0), "connections from one address; 0: no limit")
    connect_deadline: float = key(
        5.0, float_(0.1, _A_DAY), "seconds for a client to get as far as CONNECT"
    )
    send_queue_messages: int = key(
        1024, integer(), "messages waiting for a client; then it is closed"
    )
    send_queue_bytes: int = key(1048576, integer(), "bytes waiting for a client; then it is closed")
    memory_bytes: int = key(67108864, integer(), "bytes queued, held and kept for all together")
    bad_packets: int = key(10, integer(), "malformed packets of a client; then it is closed")
    json_depth: int = key(64, integer(4, 500), "levels of nesting in a signal")


@dataclass(frozen=True)
class AuthSettings:
    """Who may connect."""

    tokens_file: str | None = key(None, FILE, "file of tokens; null: everybody may connect")


@dataclass(frozen=True)
class TLSSettings:
    """HTTPS and WSS. To turn it on or off needs a restart."""

    certificate: str | None = key(None, FILE, "PEM file of the certificate chain")
    private_key: str | None = key(None, FILE, "PEM file of its key")


@dataclass(frozen=True)
class TurnSettings:
    """Short-lived credentials for a TURN server such as coturn."""

    urls: tuple[str, ...] = key((), TURN_URLS, "such as [turn:10.0.0.1:3478]")
    secret_file: str | None = key(None, FILE, "file of the shared secret")
    ttl: int = key(3600, integer(), "seconds that credentials are good for")


@dataclass(frozen=True)
class StatusSettings:
    """The status page."""

    enabled: bool = key(True, boolean(), "serve it")


@dataclass(frozen=True)
class LoggingSettings:
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = key(
        "info", one_of("debug", "info", "warning", "error"), "debug, info, warning or error"
    )
    format: Literal["auto", "journal", "plain"] = key(
        "auto", one_of("auto", "journal", "plain"), "auto: journal if stderr leads there, or plain"
    )


@dataclass(frozen=True)
class ShutdownSettings:
    """Stop and restart."""

    drain: float = key(2.0, float_(0, 60), "seconds to let clients go in good order")


@dataclass(frozen=True)
class Config:
    """The whole of it."""

    version: int = key(1, integer(1, 1), "format of this file")
    listen: ListenSettings = ListenSettings()
    socketio: SocketIOSettings = SocketIOSettings()
    rooms: RoomsSettings = RoomsSettings()
    hold: HoldSettings = HoldSettings()
    resume: ResumeSettings = ResumeSettings()
    limits: LimitsSettings = LimitsSettings()
    auth: AuthSettings = AuthSettings()
    tls: TLSSettings = TLSSettings()
    ice_servers: tuple[IceServer, ...] = key(
        (), ICE_SERVERS, 'for clients, as they stand: [{urls: "stun:10.0.0.1:3478"}]'
    )
    turn: TurnSettings = TurnSettings()
    status: StatusSettings = StatusSettings()
    logging: LoggingSettings = LoggingSettings()
    shutdown: ShutdownSettings = ShutdownSettings()


TOP = {member.name: member for member in fields(Config)}
SECTIONS = {
    name: {member.name: member for member in fields(section)}
    for name, section in vars(Config()).items()
    if is_dataclass(section)
}
KEYS: dict[str, Field[Any]] = {
    **{name: member for name, member in TOP.items() if name not in SECTIONS},
    **{f"{name}.{m}": member for name in SECTIONS for m, member in SECTIONS[name].items()},
}


def value_of(config: Config, dotted: str) -> Any:
    return attrgetter(dotted)(config)
