"""Under which names a browser reaches this server, and which names belong to local networks.

A page of a foreign site reaches a server in a local network by DNS rebinding: its own name resolves
to the server's address. The name then shows in `Host`. An IP literal there is no such name, and
nobody outside makes `localhost`, this machine's name or the names of its certificate resolve.
"""

from __future__ import annotations

import re
from typing import AbstractSet, Iterable, Mapping, NamedTuple

from signaling_server.core.protocol.addresses import parse_address, parse_network, spelled, within

LOCAL_NETWORKS = tuple(
    parse_network(text)
    for text in (
        *("127.0.0.0/8", "::1/128"),  # loopback
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        "fc00::/7",  # unique local, RFC 4193
        *("169.254.0.0/16", "fe80::/10"),  # link-local
        "100.64.0.0/10",  # carrier-grade NAT and overlay networks, RFC 6598
    )
)
LOCAL_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa")
"""mDNS (RFC 6762), what home routers say, ICANN's reserved one, RFC 8375."""

SHOWN = 100
"""Characters of a caller's header that a sentence repeats."""

_HOST = re.compile(r"(?:\[([^\[\]]*)\]|([a-z0-9._~-]+))(?::([0-9]{0,5}))?")
_LABELS = re.compile(r"[a-z0-9_~-]{1,63}(?:\.[a-z0-9_~-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OPEN_TO_ALL = ("/", "/healthz")
_ONLY_BROWSERS_SEND = ("origin", "referer", "accept-language")


class Host(NamedTuple):
    """A `Host` header in one spelling."""

    name: str
    """Lower case, without brackets; an address in its one spelling, its zone after a %."""
    port: int | None
    """None: the default of the scheme."""


def parse_host(text: str) -> Host | None:
    """`[::1]:8080`, `GCOM.example.:80` (RFC 9110 7.2); None if it is neither name nor address."""
    found = _HOST.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    literal, label, digits = found.groups()
    name = _literal(literal) if literal is not None else _name(label)
    port = int(digits) if digits else None
    if name is None or (port or 0) > 65535:
        return None
    return Host(name, port)


def _literal(text: str) -> str | None:
    """The address in brackets; its zone's `%25` (RFC 6874) is a `%`."""
    return spelled(text.replace("%25", "%", 1)) if ":" in text else None


def _name(text: str) -> str | None:
    if parse_address(text):
        return text
    if not _LABELS.fullmatch(text) or len(text) > 254:
        return None
    bare = text[:-1] if text.endswith(".") else text
    if _NUMBER.fullmatch(bare.rpartition(".")[2]):
        return None  # browsers make an address of it, or refuse it (WHATWG URL, "ends in a number")
    # A lone label with a dot is a top-level domain, not a name of the local network.
    return bare if "." in bare or bare == "localhost" else text


def local_host(name: str) -> bool:
    """Whether a host belongs to a local network; `name` is that of a Host."""
    address = parse_address(name)
    if address is not None:
        return within(address, LOCAL_NETWORKS)
    return "." not in name or name.endswith(LOCAL_SUFFIXES)


def own_names(machine: str, certificate: Iterable[str], listed: Iterable[str]) -> frozenset[str]:
    """All names of this server: `machine` as of gethostname(), the certificate's, listen.names."""
    machine = machine.lower().rstrip(".")
    label = machine.partition(".")[0]
    names = {"localhost", machine, label, *certificate, *listed}
    if label:
        names.add(f"{label}.local")
    return frozenset(name.lower().rstrip(".") for name in names) - {""}


def own_host(name: str, names: AbstractSet[str]) -> bool:
    """Whether browsers reach this server by `name` (that of a Host); `names` as of own_names.

    `*.example` among the names stands for one label (RFC 9525 6.3).
    """
    if parse_address(name) is not None:
        return True
    return name in names or "*." + name.partition(".")[2] in names


def name_complaint(text: str) -> str:
    """What is wrong with an entry of `listen.names`; "" if nothing is."""
    label = text[2:] if text.startswith("*.") else text
    host = parse_host(label)
    if host is None or host.port is not None:
        return f"{shown(text)} is no host name such as drone-1.example, without scheme and port"
    return ""


def host_refusal(
    path: str, headers: Mapping[str, str], hosts: Iterable[str], names: AbstractSet[str]
) -> str:
    """Why a server without tokens refuses a browser's request; "" if it does not.

    What to do: refusals.REASONS.
    `hosts`: the `Host` header ("" if there is none) and, from a trusted proxy, `X-Forwarded-Host`.
    Programs and scrapers are not refused, nor is anybody at `/` and `/healthz`.
    """
    if path in _OPEN_TO_ALL or not of_browser(headers):
        return ""
    for text in hosts:
        host = parse_host(text)
        if host is None or not (own_host(host.name, names) or local_host(host.name)):
            return f"{shown(text)} is no name of this server"
    return ""


def of_browser(headers: Mapping[str, str]) -> bool:
    """Whether a browser sends this: a page can neither leave out nor choose what tells it."""
    return any(_tells_browser(key.lower(), value) for key, value in headers.items())


def _tells_browser(key: str, value: str) -> bool:
    # Sec-WebSocket-* comes with every WebSocket (RFC 6455); that of a browser brings an Origin.
    if key.startswith("sec-"):
        return not key.startswith("sec-websocket-")
    return key in _ONLY_BROWSERS_SEND or (key == "user-agent" and "mozilla" in value.lower())


def shown(text: str) -> str:
    """What a caller sent, cut and escaped for a sentence in a log."""
    return ascii(text[:SHOWN] + "..." if len(text) > SHOWN else text)
