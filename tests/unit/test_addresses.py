from __future__ import annotations

import ipaddress

import pytest

from signaling_server.core.protocol.addresses import (
    parse_address,
    parse_network,
    spelled,
    within,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("FE80::1", "fe80::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:a00:1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("::ffff:10.0.0.1%eth0", "10.0.0.1"),
    ],
)
def test_address_has_one_spelling(text: str, address: str) -> None:
    assert spelled(text) == address
    assert str(parse_address(text)) == address.partition("%")[0]


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", "10.0.0.1:80"),
        *("[::1]", "::1::", "fe80::1%", "fe80::1%a b", "10.0.0.1%eth0", "\u0661.0.0.1"),
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None
    assert spelled(text) is None


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("::1", "::1/128"),
        ("fc00::/7", "fc00::/7"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::/0", "::/0"),
    ],
)
def test_network_is_read(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("proxy", "is no address"),
        ("fe80::1%eth0", "is no address"),
        ("10.0.0.0/255.0.0.0", "a number of bits"),
        ("10.0.0.0/\u0661", "a number of bits"),
        ("10.0.0.0/", "a number of bits"),
        ("10.0.0.0/33", "more bits"),
        ("10.0.0.1/8", "write '10.0.0.0/8'"),
    ],
)
def test_network_that_is_none_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_network(text)


def test_address_is_within_networks_of_its_kind() -> None:
    networks = [parse_network("10.0.0.0/8"), parse_network("fc00::/7")]
    assert within(ipaddress.ip_address("10.1.2.3"), networks)
    assert within(ipaddress.ip_address("fd00::1"), networks)
    assert not within(ipaddress.ip_address("11.0.0.1"), networks)
    assert not within(ipaddress.ip_address("10.1.2.3"), [])
