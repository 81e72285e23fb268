"""The section `fleet:` of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signaling_server.core.config.field_types import FILE, boolean, float_, integer
from signaling_server.core.config.fleet_types import (
    ADVERTISE,
    HOST_NAME,
    PREFIX,
    SENTINEL,
    URL,
    RedisUrl,
    Sentinel,
)
from signaling_server.core.config.key import key

if TYPE_CHECKING:
    from dataclasses import dataclass as section  # to mypy, sections are data classes
else:
    from signaling_server.core.config.section import section


@section(frozen=True)
class FleetSettings:
    """Several hosts with the same rooms, by way of Redis."""

    url: RedisUrl | None = key(None, URL, "redis://10.0.0.5; null: one host alone", restart=True)
    password_file: str | None = key(None, FILE, "file of Redis's password", restart=True)
    ca_file: str | None = key(
        None, FILE, "PEM of the authority of rediss://; null: system's", restart=True
    )
    sentinel: Sentinel = key(Sentinel(), SENTINEL, "who names the primary", restart=True)
    name: str | None = key(None, HOST_NAME, "of this host; null: HOSTNAME:PORT", restart=True)
    prefix: str = key("hs", PREFIX, "of keys and channels: one for a fleet", restart=True)
    secret_file: str | None = key(None, FILE, "file of a secret that all hosts share", restart=True)
    lease: float = key(4.0, float_(2, 60), "seconds until a silent host is dead", restart=True)
    patience: float = key(3.0, float_(0.5, 600), "seconds to wait for a lost Redis", restart=True)
    link_bytes: int = key(
        4194304, integer(), "bytes on the way to another host, at most", restart=True
    )
    advertise: str | None = key(None, ADVERTISE, "URL of this host for people", restart=True)
    ready_needs_engine: bool = key(False, boolean(), "/readyz fails without Redis", restart=True)
