"""Whether the hosts of a fleet exchange signals yet: a measurement must not begin before."""

from __future__ import annotations

import json
from typing import Any, Sequence
from urllib.request import urlopen

from fleet.redis_server import RedisServer

POLLING = "/socket.io/?EIO=4&transport=polling"
SECONDS = 5
"""For an answer."""


def at_once(ports: Sequence[int], redis: RedisServer) -> bool:
    """For hosts that exchange nothing."""
    return True


def linked(ports: Sequence[int], redis: RedisServer) -> bool:
    """Ours say so."""
    fleets = [json.loads(_get(port, "/api/status"))["fleet"] for port in ports]
    return all(_all_linked(fleet, len(ports)) for fleet in fleets)


def _all_linked(fleet: dict[str, Any], number: int) -> bool:
    states = sorted(host["state"] for host in fleet["hosts"])
    return states == ["here", *["linked"] * (number - 1)]


def subscribed(ports: Sequence[int], redis: RedisServer) -> bool:
    """Peers have one subscriber for each host, python-socketio once the first client has come."""
    for port in ports:
        _get(port, POLLING)
    return len(redis.ask("CLIENT", "LIST", "TYPE", "PUBSUB").splitlines()) >= len(ports)


def _get(port: int, path: str) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        body: bytes = answer.read()
    return body
