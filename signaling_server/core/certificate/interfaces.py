"""The addresses of this machine, as Linux lists them below /proc/net."""

from __future__ import annotations

import ipaddress
import re

# proc_pid_net(5): a leaf of the routing trie, and the line that says that it is our own address.
_OWN_IPV4 = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL$", re.MULTILINE)

_TEMPORARY = 0x01
"""IFA_F_TEMPORARY of linux/if_addr.h: replaced every day (RFC 8981)."""
_LINK_LOCAL = 0x20
"""IPV6_ADDR_LINKLOCAL of linux/ipv6.h: of no use in a certificate, which has no zone."""


def ipv4(fib_trie: str) -> set[str]:
    """The addresses in /proc/net/fib_trie."""
    return set(_OWN_IPV4.findall(fib_trie))


def ipv6(if_inet6: str) -> set[str]:
    """The addresses in /proc/net/if_inet6 that last: address, index, prefix, scope, flags, name."""
    found = set()
    for line in if_inet6.splitlines():
        digits, _, _, scope, flags, *_ = line.split()
        if int(scope, 16) != _LINK_LOCAL and not int(flags, 16) & _TEMPORARY:
            found.add(str(ipaddress.IPv6Address(int(digits, 16))))
    return found
