"""The addresses of this machine, for people who have to give one to a client.

Without netlink, which the service's sandbox forbids (RestrictAddressFamilies=), and without /proc
but for the process's own folder (ProcSubset=pid): IPv4 by ioctl (netdevice(7)), IPv6 from
/proc/self/net/if_inet6 (proc(5)).
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import ipaddress
import socket
import struct
from typing import Iterator

from signaling_server.core.reporting.client_urls import Interface

SIOCGIFCONF, SIOCGIFFLAGS = 0x8912, 0x8913
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40
"""linux/if.h"""
NAME_BYTES = 16
IFREQ_BYTES = NAME_BYTES + (24 if struct.calcsize("P") == 8 else 16)
"""struct ifreq: the name, and a union whose largest member is struct ifmap."""
ADDRESS_AT = NAME_BYTES + 4
"""Behind the name: sin_family and sin_port."""
MOST = 128
"""Addresses that are asked for."""
IF_INET6 = "/proc/self/net/if_inet6"
UNUSABLE = 0x01 | 0x08 | 0x20 | 0x40
"""linux/if_addr.h: temporary, its DAD failed, deprecated, tentative."""


def own_addresses() -> list[Interface]:
    """All addresses of this machine's interfaces that are up, without the loopback's."""
    found: list[Interface] = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        found += (each for each in _ipv4(asking) if _is_up(asking, each.name))
        with contextlib.suppress(OSError), open(IF_INET6, encoding="ascii") as table:
            found += (each for each in parse_if_inet6(table.read()) if _is_up(asking, each.name))
    return found


def parse_if_inet6(table: str) -> Iterator[Interface]:
    """The addresses in the table; a line: address, index, prefix length, scope, flags, name."""
    for line in table.splitlines():
        address, _, _, _, flags, name = line.split()
        if not int(flags, 16) & UNUSABLE:
            yield Interface(name, str(ipaddress.IPv6Address(bytes.fromhex(address))))


def _ipv4(asking: socket.socket) -> Iterator[Interface]:
    buffer = array.array("B", bytes(IFREQ_BYTES * MOST))
    request = struct.pack("iP", len(buffer), buffer.buffer_info()[0])
    filled = struct.unpack("iP", fcntl.ioctl(asking, SIOCGIFCONF, request))[0]
    content = buffer.tobytes()[:filled]
    for start in range(0, filled, IFREQ_BYTES):
        name = content[start : start + NAME_BYTES].split(b"\0")[0].decode(errors="replace")
        address = content[start + ADDRESS_AT : start + ADDRESS_AT + 4]
        yield Interface(name, socket.inet_ntoa(address))


def _is_up(asking: socket.socket, name: str) -> bool:
    request = struct.pack(f"{NAME_BYTES}sH{IFREQ_BYTES - NAME_BYTES - 2}x", name.encode(), 0)
    with contextlib.suppress(OSError):
        answer = fcntl.ioctl(asking, SIOCGIFFLAGS, request)
        flags: int = struct.unpack_from("H", answer, NAME_BYTES)[0]
        return flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK) == IFF_UP | IFF_RUNNING
    return False
