"""What a host of a fleet tells of itself: the text of its record in Redis, and back.

The text is a MAC and JSON. The MAC is of the JSON and of the host's instance, so that nobody can
make a record without the secret, nor set one host's record in the place of another's.
"""

from __future__ import annotations

import hmac
import json
from typing import Any, Iterable, NamedTuple

from signaling_server.core.fleet.batch import FIELD, Sign
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.names import NAME

MOST_TEXT = 256
"""Characters of a text that is read."""
MOST_LONE = 16
"""Lone peers that a record tells of: each host reads those of all others every second."""


class HostRecord(NamedTuple):
    """One host. What it does not tell is "" or 0."""

    name: str = ""
    version: str = ""
    url: str = ""
    """For people: where its page is."""
    rooms: int = 0
    peers: int = 0
    rules: str = ""
    """The fingerprint of its room rules and tokens: those of all hosts have to be the same."""
    lone: tuple[LonePeer, ...] = ()
    """Peers that are alone in rooms that it owns, at most MOST_LONE."""

    def text(self, instance: str, sign: Sign) -> str:
        """The record of an instance as it is stored."""
        told = {**self._asdict(), "lone": [peer[:3] for peer in self.lone]}
        body = json.dumps(told, separators=(",", ":"))
        return f"{_mac(instance, body, sign)} {body}"


class ForeignRecord(ValueError):
    """A record that no host of this fleet has made."""


def parse_record(text: str, instance: str, sign: Sign) -> HostRecord:
    """Read the record of an instance; of what is not as it should be, the default counts.

    Raises ForeignRecord if its MAC is wrong.
    """
    mac, _, body = text.partition(" ")
    if not hmac.compare_digest(_bytes(mac), _bytes(_mac(instance, body, sign))):
        raise ForeignRecord(instance)
    return _parse(body)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mac(instance: str, body: str, sign: Sign) -> str:
    return sign(f"host{FIELD}{instance}{FIELD}{body}")


def _parse(text: str) -> HostRecord:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        return HostRecord()
    default = HostRecord()
    good = {
        key: found[key]
        for key, value in default._asdict().items()
        if type(found.get(key)) is type(value) and _fits(found[key])
    }
    return default._replace(**good, lone=_lone(found.get("lone")))


def _lone(found: Any) -> tuple[LonePeer, ...]:
    peers = found[:MOST_LONE] if type(found) is list else []
    return tuple(LonePeer(*peer) for peer in peers if _is_lone_peer(peer))


def _is_lone_peer(peer: Any) -> bool:
    """Whether this is an id, a room, and a kind, which may be ""."""
    if type(peer) is not list or [type(part) for part in peer] != [str, str, str]:
        return False
    peer_id, room, kind = peer
    return all(NAME.fullmatch(name) for name in (peer_id, room, kind or room))


def _fits(value: Any) -> bool:
    return len(value) <= MOST_TEXT if type(value) is str else bool(value >= 0)


def differences(own: HostRecord, others: Iterable[HostRecord]) -> list[str]:
    """Sentences about hosts whose rules are not those of this one."""
    return [
        f"host {other.name} has other room rules or tokens than {own.name}: whoever serves a room"
        " decides"
        for other in sorted(others)
        if other.rules != own.rules
    ]
