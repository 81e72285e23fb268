"""A STUN or TURN URL -> whom to ask, and how (RFC 7064, RFC 7065)."""

from __future__ import annotations

from typing import Iterable, Literal, NamedTuple

from signaling_server.core.config.ice_servers import IceServer

Transport = Literal["udp", "tcp", "tls", "dtls"]

_PLAIN_PORT = 3478
_TLS_PORT = 5349
_TRANSPORTS: dict[tuple[str, str], Transport] = {
    ("stun", ""): "udp",
    ("stuns", ""): "tls",
    ("turn", ""): "udp",
    ("turn", "udp"): "udp",
    ("turn", "tcp"): "tcp",
    ("turns", ""): "tls",
    ("turns", "tcp"): "tls",
    ("turns", "udp"): "dtls",
}
"""By scheme and `transport=`."""


class Target(NamedTuple):
    """A server to ask; `username` and `password` are empty for STUN."""

    url: str
    host: str
    port: int
    transport: Transport
    turn: bool
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Without the password: what is logged may contain a repr."""
        return f"Target({self.url})"


def target(url: str, username: str = "", password: str = "") -> Target:
    """Whom a URL means. It must have the form that the configuration asks for."""
    scheme, _, rest = url.partition(":")
    authority, _, query = rest.partition("?")
    transport = _TRANSPORTS[scheme, query.partition("=")[2]]
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    usual = _TLS_PORT if scheme.endswith("s") else _PLAIN_PORT
    turn = scheme.startswith("turn")
    login = (username, password) if turn else ("", "")
    return Target(url, host, int(port or usual), transport, turn, *login)


def targets(servers: Iterable[IceServer]) -> dict[str, Target]:
    """Whom the URLs of these servers mean, by URL; of equal URLs the first counts."""
    found: dict[str, Target] = {}
    for server in servers:
        for url in server.urls:
            login = server.username or "", server.credential or ""
            found.setdefault(url, target(url, *login))
    return found
