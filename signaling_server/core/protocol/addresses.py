"""IP addresses and networks as peers, proxies and configuration files write them.

An IPv4 address may come mapped into IPv6 (`::ffff:10.0.0.1`, RFC 4291 2.5.5.2): here it is the
IPv4 address. A zone (`fe80::1%eth0`, RFC 4007) is set apart, because the ipaddress of Python 3.8
does not know zones; and `010.0.0.1`, which early ones take for 10.0.0.1, is no address.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Iterable, Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_IPV4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,32}")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_LONGEST = 45 + 1 + 32
"""Characters of an address with its zone."""
_REMEMBERED = 512
"""Addresses whose parts are remembered: each request names one or two, mostly the same ones."""


def parse_address(text: str) -> Address | None:
    """The address, less its zone; None if it is none."""
    return _parse(text) if len(text) <= _LONGEST else None


@functools.lru_cache(_REMEMBERED)
def _parse(text: str) -> Address | None:
    bare, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return None
    try:
        if ":" not in bare:
            return ipaddress.IPv4Address(bare) if _is_ipv4(bare) and not percent else None
        address = ipaddress.IPv6Address(bare)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def _is_ipv4(text: str) -> bool:
    return _IPV4.fullmatch(text) is not None


def spelled(text: str) -> str | None:
    """The one spelling of an address, with its zone; None if it is none."""
    return _spell(text) if len(text) <= _LONGEST else None


@functools.lru_cache(_REMEMBERED)
def _spell(text: str) -> str | None:
    address = _parse(text)
    if address is None:
        return None
    zone = text.partition("%")[2]
    return f"{address}%{zone}" if zone and address.version == 6 else str(address)


def parse_network(text: str) -> Network:
    """A network (`10.0.0.0/8`) or the one address that it is. Raises ValueError with a sentence."""
    bare, slash, bits = text.partition("/")
    if parse_address(bare) is None or "%" in bare:
        raise ValueError(f"{text!r} is no address and no network such as 10.0.0.0/8")
    if slash and not (bits.isdecimal() and bits.isascii()):
        raise ValueError(f"{text!r} needs a number of bits after the slash")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} has more bits than an address") from None
    if slash and network.network_address != ipaddress.ip_address(bare):
        raise ValueError(f"{text!r} has bits of an address beyond its network: write '{network}'")
    return _unmapped(network)


def _unmapped(network: Network) -> Network:
    if not isinstance(network, ipaddress.IPv6Network) or not network.subnet_of(_MAPPED):
        return network
    first = int(network.network_address) & 0xFFFFFFFF
    return ipaddress.IPv4Network((first, network.prefixlen - _MAPPED.prefixlen))


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address in network for network in networks)
