"""Which names and addresses a certificate is for, which its authority permits, when it is renewed.

The authority permits local networks and the names of this machine alone (name constraints, RFC 5280
4.2.1.10): who steals its key from a drone cannot imitate a public site to a phone that trusts it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Iterable, NamedTuple

from signaling_server.core.protocol.addresses import parse_address
from signaling_server.core.protocol.hosts import LOCAL_NETWORKS

DAY = 86400.0
AUTHORITY_DAYS = 3652
"""Ten years."""
DAYS_IN_ALL = 397
"""Apple refuses more than 398 from public authorities, and recommends 397."""
EARLIER_DAYS = 1
"""The certificate begins that much before now, for clients whose clock is slow."""
RENEWED_DAYS = 180
"""Renewed when less is left, early because a drone may lie in its case for months."""
ALWAYS = ("localhost", "127.0.0.1", "::1")

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


class Contents(NamedTuple):
    """What a certificate is for."""

    hosts: tuple[str, ...]
    addresses: tuple[str, ...]


class Certificate(NamedTuple):
    """What stands in a certificate."""

    contents: Contents
    ends: float
    """Seconds since 1970."""


def is_host(name: str) -> bool:
    """Whether it is a host name in lower case, and no address (RFC 1123 2.1)."""
    return bool(_HOST.fullmatch(name)) and parse_address(name) is None


def own_hosts(host_name: str) -> list[str]:
    """The names of this machine: `drone-1` is `localhost`, `drone-1` and `drone-1.local`."""
    name = host_name.lower()
    if not is_host(name) or name == "localhost":
        return ["localhost"]
    return _once(["localhost", name, name.split(".")[0] + ".local"])


def permits(permitted: Iterable[str], host: str) -> bool:
    """Whether name constraints permit a host: a name permits itself and all names below it."""
    return any(host == name or host.endswith("." + name) for name in permitted)


def authority_names(hosts: Iterable[str]) -> list[str]:
    """The host names that a new authority permits."""
    return _once(["localhost", "local", *(host for host in hosts if not permits(["local"], host))])


def is_local(address: str) -> bool:
    """Whether the authority permits an address."""
    return any(ipaddress.ip_address(address) in network for network in LOCAL_NETWORKS)


def wanted(hosts: Iterable[str], addresses: Iterable[str], permitted: Iterable[str]) -> Contents:
    """What a new certificate is for: those of the hosts and addresses that are permitted."""
    names = list(permitted)
    local = {address for address in addresses if is_local(address)} | {*ALWAYS[1:]}
    return Contents(
        tuple(_once(host for host in ["localhost", *hosts] if permits(names, host))),
        tuple(sorted(local, key=_in_order)),
    )


def reason_to_renew(found: Certificate, want: Contents, now: float, end: float) -> str:
    """Why to replace a certificate by one for `want` that ends at `end`; "" if it may stay.

    An address that has gone is no reason: it may come back, and clients do not mind it.
    """
    missing = [
        *(host for host in want.hosts if host not in found.contents.hosts),
        *(address for address in want.addresses if address not in found.contents.addresses),
    ]
    if missing:
        return f"it is not for {', '.join(missing)}"
    days = (found.ends - now) / DAY
    if days < RENEWED_DAYS and end - found.ends >= DAY:
        return f"it expires in {days:.0f} days" if days > 0 else "it has expired"
    return ""


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _in_order(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)
