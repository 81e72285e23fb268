"""This machine's addresses, read from what Linux 6.1 prints."""

from __future__ import annotations

from signaling_server.core.certificate import interfaces

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
        |-- 192.168.1.10
           /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
Local:
        |-- 192.168.1.10
           /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000021122fffe334455 02 40 20 80     eth0
fd000000000000000000000000000010 02 40 00 80     eth0
fd00000000000000aaaabbbbccccdddd 02 40 00 01     eth0
"""


def test_ipv4_addresses_are_own_ones_and_no_broadcast() -> None:
    assert interfaces.ipv4(FIB_TRIE) == {"192.168.1.10", "127.0.0.1"}


def test_ipv6_addresses_are_neither_link_local_nor_temporary() -> None:
    assert interfaces.ipv6(IF_INET6) == {"::1", "fd00::10"}
