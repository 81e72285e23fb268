"""Who the client is behind a proxy: the peer of the TCP connection and X-Forwarded-*.

Anybody can send these headers, so they count only from `listen.trusted_proxies`. Each proxy appends
the address of its caller to X-Forwarded-For. The list is read from the right, as far as trusted
proxies vouch for the next entry, so that nothing that the client itself wrote is reached.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Callable, Iterable, NamedTuple, Sequence

from signaling_server.core.protocol.addresses import (
    Network,
    parse_address,
    parse_network,
    spelled,
    within,
)
from signaling_server.core.protocol.hosts import parse_host

MAX_PREFIX = 256
"""Characters of a prefix."""

EVERYBODY = {4: 2**31, 6: 2**124}
"""Addresses that make a list of proxies one of everybody: half of IPv4, and half of the eighth of
IPv6 that is handed out (2000::/3, RFC 4291). It is no less open for leaving out a corner."""

_ENTRY = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}|([^\[\]]+)")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_SCHEMES = ("http", "https")


class Client(NamedTuple):
    """A caller as it sees itself."""

    address: str
    """"" if the connection has none (a Unix socket)."""
    scheme: str
    """http or https."""
    host: str
    """Of the URL it called, with the port if it is not the scheme's default; as it came."""
    prefix: str
    """Of the path, cut off by the proxy: `/drone`; "" for none."""


def client_of(
    peer: str, headers: Iterable[tuple[str, str]], trusted: Sequence[Network], scheme: str
) -> Client:
    """The client of a request; it is the peer itself unless that is a trusted proxy.

    `peer` is the address at the other end of the TCP connection, `headers` all of the request in
    order, repeated ones too; `scheme` is what this connection speaks.
    """
    address = spelled(peer) or peer
    if not _is_trusted(peer, trusted):
        host = next((value for key, value in headers if key.lower() == "host"), "")
        return Client(address, scheme, host, "")
    found: dict[str, list[str]] = {}
    for key, value in headers:
        found.setdefault(key.lower(), []).append(value)
    host = found.get("host", [""])[0]
    return Client(
        _walk(address, _entries(found, "for"), trusted),
        _last(found, "proto", _scheme) or scheme,
        _last(found, "host", _host) or host,
        _last(found, "prefix", _prefix),
    )


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    address = parse_address(text)
    return address is not None and within(address, trusted)


def _entries(found: dict[str, list[str]], what: str) -> list[str]:
    """A list header: repeated ones are one list (RFC 9110 5.3)."""
    return [
        entry.strip(" \t") for entry in ",".join(found.get(f"x-forwarded-{what}", [])).split(",")
    ]


def _walk(peer: str, entries: list[str], trusted: Sequence[Network]) -> str:
    """The first address from the right that is not trusted, or the last one that is."""
    client = peer
    for entry in reversed(entries):
        address = _address(entry)
        if address is None:
            break
        client = address
        if not _is_trusted(client, trusted):
            break
    return client


def _address(entry: str) -> str | None:
    """An entry of X-Forwarded-For; some proxies add the port, and brackets around IPv6."""
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return None
    bracketed, before_port, bare = found.groups()
    if bracketed and ":" not in bracketed:
        return None
    return spelled(bracketed or before_port or bare)


def _last(found: dict[str, list[str]], what: str, fits: Callable[[str], bool]) -> str:
    """What the peer itself says: the last entry, or "" if it does not fit."""
    value = _entries(found, what)[-1]
    return value if fits(value) else ""


def _scheme(value: str) -> bool:
    return value in _SCHEMES


def _host(value: str) -> bool:
    return parse_host(value) is not None


def _prefix(value: str) -> bool:
    # `/..` fits the pattern, but a browser takes a segment away instead of adding one.
    dots = {".", ".."}.intersection(value.split("/"))
    return len(value) <= MAX_PREFIX and _PREFIX.fullmatch(value) is not None and not dots


def trusted_networks(texts: Iterable[str]) -> list[Network]:
    """`listen.trusted_proxies`, checked by check_trusted, as client_of wants it."""
    return [parse_network(text) for text in texts]


def check_trusted(texts: Sequence[str]) -> list[str]:
    """What is wrong with `listen.trusted_proxies`, in sentences: bad entries, and everybody."""
    complaints: list[str] = []
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(parse_network(text))
        except ValueError as error:
            complaints.append(str(error))
    four = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    if sum(one.num_addresses for one in ipaddress.collapse_addresses(four)) >= EVERYBODY[4]:
        complaints.append(_everybody(four))
    if sum(one.num_addresses for one in ipaddress.collapse_addresses(six)) >= EVERYBODY[6]:
        complaints.append(_everybody(six))
    return complaints


def _everybody(networks: Sequence[Network]) -> str:
    shown_ones = ", ".join(str(network) for network in networks[:4])
    return (
        f"{shown_ones} would trust everybody, and whoever is trusted can give any address as its"
        " own: list the addresses of your proxies alone"
    )
