"""The URLs under which clients on other machines reach this server.

A server that listens on all addresses does not say which one to give the drone. So its own are
listed, the likeliest first, as the complete URL that a client takes. An address that means another
machine there (127.0.0.1) or nothing at all (0.0.0.0) is never among them.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable, NamedTuple, Sequence
from urllib.parse import urlencode

from signaling_server.core.protocol.addresses import parse_address

EVERYWHERE = ("", "0.0.0.0", "::")
MOST = 6
"""More addresses help nobody to choose."""
INSIDE = ("docker", "veth", "br-", "virbr", "lxc", "lxd", "cni", "podman", "vnet")
"""How the interfaces begin that lead to containers and virtual machines on this machine."""
KINDS = (
    (("wl",), "Wi-Fi"),
    (("en", "eth"), "Ethernet"),
    (("usb", "rndis"), "USB"),
    (("ww", "wwan"), "mobile network"),
    (("wg", "tun", "tap", "tailscale", "zt"), "VPN"),
)
"""How the interfaces begin, and what they are called on the page."""


class Interface(NamedTuple):
    """One address of this machine; `name` is that of the network interface, such as wlan0."""

    name: str
    address: str

    @property
    def kind(self) -> str:
        """Such as "Wi-Fi"; the interface's own name if nothing is known of it."""
        found = (kind for starts, kind in KINDS if self.name.startswith(starts))
        return next(found, self.name)


class Place(NamedTuple):
    """Where clients connect: `url` ends with a slash, and takes a query."""

    url: str
    kind: str
    """Such as "Wi-Fi"."""
    interface: str
    """Such as wlan0; "" if the address is the one that listen.host names."""


def places(host: str, port: int, scheme: str, found: Iterable[Interface]) -> list[Place]:
    """Where other machines reach a server with this `listen.host`, the likeliest first.

    `found` are the addresses of this machine. Empty if none is reachable from outside.
    """
    if host not in EVERYWHERE:
        return [] if _only_here(host) else [Place(_base(scheme, host, port), "listen.host", "")]
    usable = [each for each in found if host == "::" or ":" not in each.address]
    usable = [each for each in usable if not _only_here(each.address)]
    usable.sort(key=_rank)
    outside = [each for each in usable if not each.name.startswith(INSIDE)]
    return [
        Place(_base(scheme, each.address, port), each.kind, each.name)
        for each in (outside or usable)[:MOST]
    ]


def client_url(base: str, room: str, name: str) -> str:
    """The complete URL of a client, such as http://192.168.1.10:8080/?room=drone-1&name=gcom."""
    return f"{base}?{urlencode({'room': room, 'name': name})}"


def note(host: str, places: Sequence[Place]) -> str:
    """Why there is no address to give; "" if there is one."""
    if places:
        return ""
    if host in EVERYWHERE:
        return "this machine has no address in a network now: connect it to one"
    return (
        f"the server listens on {host} alone, where no other machine reaches it: "
        "set listen.host, or put a proxy in front of it"
    )


def _base(scheme: str, host: str, port: int) -> str:
    literal = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{literal}/" if port == default else f"{scheme}://{literal}:{port}/"


def _only_here(host: str) -> bool:
    address = parse_address(host)
    if address is None:
        return host.lower().rstrip(".") == "localhost"
    # A link-local address of IPv6 means nothing on another machine without its zone.
    return address.is_loopback or address.is_unspecified or _is_link_local_six(address)


def _is_link_local_six(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.version == 6 and address.is_link_local


def _rank(found: Interface) -> tuple[bool, bool, bool, int]:
    """Small for what a client in the same network most likely reaches."""
    address = ipaddress.ip_address(found.address)
    starts = [index for index, (start, _) in enumerate(KINDS) if found.name.startswith(start)]
    kind = starts[0] if starts else len(KINDS)
    return address.is_link_local, address.version == 6, kind >= 3, kind
