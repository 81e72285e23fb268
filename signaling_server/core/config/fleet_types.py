"""The types of the keys of `fleet:`: where Redis is, and what a host calls itself there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Sequence, Tuple
from urllib.parse import unquote

from signaling_server.core.config.field_types import (
    Complaints,
    FieldType,
    ListOf,
    Single,
    mapping_items,
    string,
)
from signaling_server.core.config.yaml_tree import Node, Scalar

PORT = 6379
SENTINEL_PORT = 26379
LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")

_HOST = r"\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)"
_LOGIN = r"((?P<user>[^:@/?#\s]*)(:(?P<password>[^@/?#\s]*))?@)?"
_TCP = re.compile(
    rf"(?P<scheme>rediss?)://{_LOGIN}({_HOST})?(:(?P<port>[0-9]{{1,5}}))?(/(?P<database>[0-9]*))?"
)
_UNIX = re.compile(rf"(?P<scheme>unix)://{_LOGIN}(?P<path>/[^?#\s]+)(\?db=(?P<database>[0-9]+))?")
_ADDRESS = re.compile(rf"({_HOST})(:(?P<port>[0-9]{{1,5}}))?")
_MOST_DATABASES = 4
"""Digits in the number of a database."""

Address = Tuple[str, int]
"""Host and port."""


@dataclass(frozen=True)
class RedisUrl:
    """A URL of Redis, taken apart; str() shows no password."""

    scheme: str
    """`redis`, `rediss` (TLS) or `unix`."""
    host: str = ""
    """"" with `unix`, and where the sentinels know the host."""
    port: int = PORT
    path: str = ""
    """Of the socket, with `unix`."""
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0

    def __str__(self) -> str:
        login = f"{self.user}:***@" if self.password else f"{self.user}@" if self.user else ""
        if self.scheme == "unix":
            return f"unix://{login}{self.path}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = f"{host}:{self.port}" if host else ""
        return f"{self.scheme}://{login}{where}" + (f"/{self.database}" if self.database else "")


@dataclass(frozen=True)
class Sentinel:
    """Who knows which Redis is the primary."""

    master: str | None = None
    """The name under which the sentinels know it."""
    addresses: tuple[Address, ...] = ()

    def payload(self) -> dict[str, Any]:
        """{master, addresses: ["HOST:PORT", ...]}"""
        return {"master": self.master, "addresses": [_written(*each) for each in self.addresses]}


def remarks(url: RedisUrl | None, sentinel: Sentinel, secret_file: str | None) -> tuple[str, ...]:
    """What log, status and check-config warn of."""
    if url is None or secret_file or _on_loopback(url, sentinel):
        return ()
    return (
        "fleet.secret_file is not set: who can write to Redis can pass for a host of the fleet",
    )


def parse_url(text: str) -> RedisUrl:
    """Raises ValueError."""
    found = _TCP.fullmatch(text) or _UNIX.fullmatch(text)
    if not found:
        raise ValueError
    parts = found.groupdict()
    database = parts["database"] or "0"
    if len(database) > _MOST_DATABASES:
        raise ValueError
    return RedisUrl(
        scheme=parts["scheme"],
        host=parts.get("six") or parts.get("host") or "",
        port=_port(parts.get("port"), PORT),
        path=unquote(parts.get("path") or ""),
        user=unquote(parts["user"] or ""),
        password=unquote(parts["password"] or ""),
        database=int(database),
    )


def parse_address(text: str) -> Address:
    """Raises ValueError."""
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise ValueError
    return found["six"] or found["host"], _port(found["port"], SENTINEL_PORT)


def contradictions(
    url: RedisUrl | None, password_file: str | None, sentinel: Sentinel
) -> Sequence[tuple[str, str]]:
    """(key of `fleet`, sentence) for each value that is valid alone but not with the others."""
    found = []
    if bool(sentinel.master) != bool(sentinel.addresses):
        found.append(("sentinel", "needs both master and addresses, or neither"))
    elif sentinel.master and url is None:
        found.append(("sentinel", "is set, but fleet.url is not: set it to redis:// or rediss://"))
    elif sentinel.master and url and url.scheme == "unix":
        found.append(("sentinel", "is set, but fleet.url is a socket: sentinels name hosts"))
    if url and url.scheme != "unix" and not url.host and not sentinel.master:
        found.append(("url", "names no host, and there is no fleet.sentinel to ask for one"))
    if url and url.password and password_file:
        found.append(("password_file", "and fleet.url both give a password: remove one"))
    return found


def _port(text: str | None, default: int) -> int:
    port = int(text) if text else default
    if not 0 < port < 2**16:
        raise ValueError
    return port


def _on_loopback(url: RedisUrl, sentinel: Sentinel) -> bool:
    """Whether the way to Redis never leaves this machine, as far as the addresses tell."""
    hosts = [host for host, _ in sentinel.addresses] or [url.host]
    return url.scheme == "unix" or all(map(_is_loopback, hosts))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(scalar: Scalar) -> RedisUrl:
    return parse_url(scalar.text)


def _address(scalar: Scalar) -> Address:
    return parse_address(scalar.text)


URL = Single(
    "a URL such as redis://10.0.0.5:6379, rediss://USER@HOST or unix:///run/redis/redis.sock",
    _url,
    null=True,
    secret=True,
)
HOST_NAME = string(
    "1 to 64 characters of a-z A-Z 0-9 . _ : -", r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", null=True
)
PREFIX = string("1 to 32 characters of a-z A-Z 0-9 _ -", r"[A-Za-z0-9_-]{1,32}")
ADVERTISE = string(
    "the URL of this host for people, such as https://a.example",
    r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?",
    null=True,
)
_MEMBERS: dict[str, FieldType] = {
    "master": string("a name, such as hawkeye", r"[A-Za-z0-9._-]{1,64}", null=True),
    "addresses": ListOf(
        Single("an address such as 10.0.0.5:26379", _address),
        "a list of addresses, such as [10.0.0.5:26379]",
    ),
}


class _SentinelType:
    """A mapping of master and addresses, read as a Sentinel."""

    def read(self, node: Node, key: str, complaints: Complaints) -> Sentinel | None:
        before = len(complaints.all)
        members: dict[str, Any] = {
            name: _MEMBERS[name].read(value, f"{key}.{name}", complaints)
            for name, value in mapping_items(node, key, _MEMBERS, (), complaints)
        }
        return Sentinel(**members) if len(complaints.all) == before else None


SENTINEL = _SentinelType()
