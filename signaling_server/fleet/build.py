"""This host's part of the fleet that the configuration describes. redis is imported here alone, and
late: without a fleet it need not be installed."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import socket
from typing import TYPE_CHECKING, Callable, Sequence

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.fleet.host_record import MOST_LONE, HostRecord
from signaling_server.core.fleet.joining import fingerprint
from signaling_server.core.fleet.mac import signer
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.relay import Relay
from signaling_server.transport.server import Transport
from signaling_server.version import VERSION

if TYPE_CHECKING:
    from signaling_server.fleet.fleet import Fleet

INSTANCE_BYTES = 8


def jump() -> int:
    """What is added to the numbers of a new session, so that those of two relays never meet."""
    return random.randrange(2**20, 2**28)


def build(
    loaded: Loaded,
    live: Settings,
    transport: Transport,
    relay: Relay,
    lone: Callable[[int], Sequence[LonePeer]],
) -> Fleet:
    """The fleet of a configuration that has `fleet.url`; `live` is the one in use; `lone(most)`
    returns the lone peers in rooms of this host.
    """
    from signaling_server.fleet.fleet import Fleet
    from signaling_server.fleet.redis_engine import RedisEngine
    from signaling_server.fleet.redis_options import Access

    config, settings = loaded.config, loaded.config.fleet
    assert settings.url is not None
    name = settings.name or f"{socket.gethostname()}:{config.listen.port}"
    instance = secrets.token_hex(INSTANCE_BYTES)
    access = Access(settings.url, loaded.fleet_password, settings.ca_file)
    engine = RedisEngine(access, settings.sentinel, settings.prefix, instance, name)
    rules = [rules_of(live)]

    def reloaded() -> None:
        rules[0] = rules_of(live)

    live.subscribe(reloaded)

    def describe(name: str) -> HostRecord:
        counts = len(relay.rooms), len(relay.peers)
        url = settings.advertise or ""
        return HostRecord(name, VERSION, url, *counts, rules[0], tuple(lone(MOST_LONE)))

    return Fleet(
        engine,
        transport,
        settings,
        instance,
        relay.budget,
        signer(loaded.fleet_secret.encode()),
        describe,
        lambda room: room not in relay.rooms,
        lambda: max(live.current.resume.window, live.current.hold.max_age),
    )


def rules_of(live: Settings) -> str:
    """A fingerprint of what has to be the same at all hosts: of room rules and tokens."""
    config, tokens = live.current, live.tokens
    grants = sorted(map(fingerprint, tokens.grants)) if tokens else None
    same = [repr(config.rooms), repr(config.hold), repr(config.resume), repr(config.names), grants]
    return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:16]
