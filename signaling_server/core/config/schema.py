"""The schema of the configuration: every key with its type, default, limits and meaning.

A key is stated once, as a field of its section. Reading (load.py), writing and etc/example.yaml
(write.py), and what a reload applies follow from it. Sizes are in bytes, times in seconds.
"""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from signaling_server.core.config.field_types import (
    ENDPOINT,
    FILE,
    HOST,
    ROOM,
    TRANSPORTS,
    boolean,
    float_,
    integer,
    one_of,
)
from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.config.ice_servers import ICE_SERVERS, TURN_URLS, IceServer
from signaling_server.core.config.key import key
from signaling_server.core.config.network_types import (
    HOST_NAMES,
    NAMING,
    ORIGINS,
    TRUSTED_PROXIES,
)
from signaling_server.core.protocol.naming import Rule

if TYPE_CHECKING:
    from dataclasses import dataclass as section  # to mypy, sections are data classes
else:
    from signaling_server.core.config.section import section

_A_DAY = 86400.0
"""More seconds than this are a mistake of unit, such as milliseconds."""
_ENGINE_IO = "Engine.IO cuts off fractions of a second"


@section(frozen=True)
class ListenSettings:
    """The listening socket."""

    host: str = key(
        "0.0.0.0", HOST, '"0.0.0.0": all IPv4 addresses; "::": IPv6 as well', restart=True
    )
    port: int = key(8080, integer(0, 65535), "TCP port; 0: any free port", restart=True)
    backlog: int = key(
        4096, integer(1, 65535), "connections waiting to be accepted, at most", restart=True
    )
    names: tuple[str, ...] = key((), HOST_NAMES, "further names by which browsers reach it")
    trusted_proxies: tuple[str, ...] = key(
        (), TRUSTED_PROXIES, "proxies whose X-Forwarded-* headers count: [127.0.0.1]"
    )


@section(frozen=True)
class SocketIOSettings:
    """The Socket.IO endpoint."""

    path: str = key("/socket.io", ENDPOINT, "URL path; clients must use the same", restart=True)
    cors_allowed_origins: Literal["auto", "*"] | tuple[str, ...] = key(
        "auto", ORIGINS, 'web origins: auto, "*" or [https://gcom.example]'
    )
    ping_interval: int = key(
        10, integer(1, 3600, _ENGINE_IO), "whole seconds between two pings", restart=True
    )
    ping_timeout: int = key(
        10, integer(1, 3600, _ENGINE_IO), "whole seconds to wait for a pong", restart=True
    )
    transports: tuple[Literal["websocket", "polling"], ...] = key(
        ("websocket", "polling"), TRANSPORTS, "websocket, polling or both", restart=True
    )
    compression: bool = key(
        False, boolean(), "compress answers to polling clients; costs CPU", restart=True
    )
    fast_path: bool = key(True, boolean(), "use the fast path for plain signals", restart=True)


@section(frozen=True)
class RoomsSettings:
    """The rooms in which peers meet. 0: no limit."""

    default: str = key("default", ROOM, "room of a client that names none")
    expected_peers: int = key(
        2, integer(0), "peers expected in a room; more are logged as a warning"
    )
    max_peers: int = key(0, integer(0), "peers in a room, at most; more are refused")
    max_rooms: int = key(1024, integer(0), "rooms, at most; more are refused")
    announce: Literal["everyone", "newcomers"] = key(
        "everyone",
        one_of("everyone", "newcomers"),
        "whom peer_joined announces: everyone, or only newcomers",
    )


@section(frozen=True)
class HoldSettings:
    """Signals held until a second peer joins. Limits per room."""

    enabled: bool = key(True, boolean(), "whether to hold signals")
    max_messages: int = key(256, integer(), "signals held, at most")
    max_bytes: int = key(1048576, integer(), "bytes held, at most")
    max_age: float = key(60.0, float_(0.1, _A_DAY), "seconds that a signal is held, at most")


@section(frozen=True)
class ResumeSettings:
    """Signals kept for a peer that may return. Limits per peer."""

    window: float = key(30.0, float_(0, _A_DAY), "seconds that a peer may be away; 0: no resume")
    max_messages: int = key(256, integer(), "signals kept, at most")
    max_bytes: int = key(1048576, integer(), "bytes kept, at most")


@section(frozen=True)
class LimitsSettings:
    """What one client, and all clients together, may use."""

    message_bytes: int = key(262144, integer(1, 2**24), "bytes of a signal, at most")
    messages_per_second: float = key(
        200.0, float_(0.1, 10**6), "signals per second from one client, on average"
    )
    burst: int = key(400, integer(), "signals at once from one client, at most")
    connections: int = key(1024, integer(), "Socket.IO connections, at most")
    connections_per_address: int = key(
        0, integer(0), "connections from one address, at most; 0: no limit"
    )
    connect_deadline: float = key(
        5.0, float_(0.1, _A_DAY), "seconds within which a client must send CONNECT"
    )
    send_queue_messages: int = key(
        1024, integer(), "messages queued for a client; past that, it is closed"
    )
    send_queue_bytes: int = key(
        1048576, integer(), "bytes queued for a client; past that, it is closed"
    )
    memory_bytes: int = key(67108864, integer(), "bytes queued, held and kept for all together")
    bad_packets: int = key(
        10, integer(), "malformed packets from a client; past that, it is closed"
    )
    json_depth: int = key(64, integer(4, 500), "levels of nesting in a signal, at most")
    rooms_per_address: int = key(
        256, integer(0), "rooms of one address without tokens, at most; 0: no limit"
    )
    bytes_per_second: float = key(
        1048576.0, float_(0, 10**9), "bytes per second from one client, on average; 0: no limit"
    )
    burst_bytes: int = key(
        4194304, integer(0, 2**30), "bytes at once from one client, or one signal if more"
    )
    strangers: int = key(2048, integer(1, 10**6), "callers that no CONNECT has let in yet, at most")


@section(frozen=True)
class AuthSettings:
    """Who may connect."""

    tokens_file: str | None = key(
        None, FILE, "file of tokens; null: anyone may connect", restart="off"
    )
    end_expired: bool = key(False, boolean(), "disconnect a client when its token expires")


@section(frozen=True)
class TLSSettings:
    """HTTPS and WSS. A reload renews a certificate that is in use."""

    certificate: str | None = key(
        None, FILE, "PEM file of the certificate chain", restart="on or off"
    )
    private_key: str | None = key(
        None, FILE, "PEM file of the certificate's key", restart="on or off"
    )


@section(frozen=True)
class TurnSettings:
    """Short-lived credentials for a TURN server such as coturn."""

    urls: tuple[str, ...] = key((), TURN_URLS, "URLs of the server, such as [turn:10.0.0.1:3478]")
    secret_file: str | None = key(None, FILE, "file of the secret shared with the server")
    ttl: int = key(3600, integer(), "seconds that a credential is valid")


@section(frozen=True)
class IceCheckSettings:
    """Questions to the ICE servers: does each of them answer?"""

    interval: float = key(60.0, float_(0, _A_DAY), "seconds between two questions; 0: ask nothing")
    withhold: bool = key(False, boolean(), "keep the silent ones from clients, which save 5 s each")


@section(frozen=True)
class StatusSettings:
    """The web pages and /api/status."""

    enabled: bool = key(True, boolean(), "whether to serve them")


@section(frozen=True)
class LoggingSettings:
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = key(
        "info",
        one_of("debug", "info", "warning", "error"),
        "lowest level written: debug, info, warning or error",
    )
    format: Literal["auto", "journal", "plain"] = key(
        "auto",
        one_of("auto", "journal", "plain"),
        "journal, plain, or auto: journal if stderr leads to it",
    )


@section(frozen=True)
class ShutdownSettings:
    """Stop and restart."""

    drain: float = key(2.0, float_(0, 60), "seconds to send what is queued, at most")


@section(frozen=True)
class Config:
    """The whole configuration."""

    version: int = key(1, integer(1, 1), "version of this file's format")
    listen: ListenSettings = ListenSettings()
    socketio: SocketIOSettings = SocketIOSettings()
    rooms: RoomsSettings = RoomsSettings()
    hold: HoldSettings = HoldSettings()
    resume: ResumeSettings = ResumeSettings()
    limits: LimitsSettings = LimitsSettings()
    auth: AuthSettings = AuthSettings()
    tls: TLSSettings = TLSSettings()
    ice_servers: tuple[IceServer, ...] = key(
        (), ICE_SERVERS, 'passed to clients unchanged: [{urls: "stun:10.0.0.1:3478"}]'
    )
    turn: TurnSettings = TurnSettings()
    ice_check: IceCheckSettings = IceCheckSettings()
    status: StatusSettings = StatusSettings()
    logging: LoggingSettings = LoggingSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    fleet: FleetSettings = FleetSettings()
    names: tuple[Rule, ...] = key(
        (), NAMING, "for clients without one: [{name: node, address: 10.0.0.2}]"
    )


TOP = {member.name: member for member in fields(Config)}
"""The sections, and the keys that are in none, by name."""
SECTIONS = {
    name: {member.name: member for member in fields(section)}
    for name, section in vars(Config()).items()
    if is_dataclass(section)
}
"""The keys of each section, by name."""
KEYS: dict[str, Field[Any]] = {
    **{name: member for name, member in TOP.items() if name not in SECTIONS},
    **{f"{name}.{m}": member for name in SECTIONS for m, member in SECTIONS[name].items()},
}
"""Every key by its dotted name, such as "listen.port"."""


def value_of(config: Config, dotted: str) -> Any:
    """The value of a key."""
    return attrgetter(dotted)(config)


def needs_restart(dotted: str, old: Config, new: Config) -> bool:
    """Whether `new` has a value of this key that a reload cannot apply."""
    before, after = value_of(old, dotted), value_of(new, dotted)
    restart = KEYS[dotted].metadata["restart"]
    if restart == "off":
        return before is not None and after is None
    if restart == "on or off":
        return (before is None) != (after is None)
    return bool(restart) and before != after
