"""Whatever headers a caller sends, it cannot choose the address that it is known by."""

from __future__ import annotations

import ipaddress
import re

from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.protocol.addresses import parse_address, within
from signaling_server.core.protocol.forwarded import client_of, trusted_networks

TRUSTED = trusted_networks(["10.0.0.0/24", "fd00::/64", "127.0.0.1"])

NAMES = [f"X-Forwarded-{name}" for name in ("For", "Proto", "Host", "Prefix")]
addresses = st.ip_addresses().map(str)
proxies = st.ip_addresses(network="10.0.0.0/24").map(str) | st.sampled_from(
    ["127.0.0.1", "fd00::7", "::ffff:10.0.0.9", "[fd00::8]:80", "10.0.0.5:5555"]
)
odd = st.text(max_size=20) | st.sampled_from(["unknown", "", ",", "10.0.0.1:", "https", "/a", "["])
values = st.lists(addresses | proxies | odd, max_size=6).map(", ".join)
headers = st.lists(st.tuples(st.sampled_from([*NAMES, "x-forwarded-for", "Host"]), values))
strangers = addresses.filter(lambda text: not within(_parsed(text), TRUSTED))


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = parse_address(text)
    assert address is not None
    return address


@given(strangers | st.just(""), headers, st.sampled_from(["http", "https"]))
def test_address_of_an_untrusted_caller_is_its_own(
    peer: str, sent: list[tuple[str, str]], scheme: str
) -> None:
    told = client_of(peer, sent, TRUSTED, scheme)
    assert told.address == (str(_parsed(peer)) if peer else "")
    assert told.scheme == scheme
    assert told.prefix == ""
    assert told.host == next((value for key, value in sent if key == "Host"), "")


@given(strangers, st.lists(proxies, max_size=4), headers, st.booleans())
def test_what_the_client_writes_left_of_the_trusted_part_changes_nothing(
    client: str, chain: list[str], sent: list[tuple[str, str]], repeats: bool
) -> None:
    """Each proxy appends its caller's address: to the list, or as a header of its own."""
    vouched = [client, *chain]
    written = [value for key, value in sent if key.lower() == "x-forwarded-for"]
    lines = [*written, *vouched] if repeats else [", ".join([*written, *vouched])]
    told = client_of("10.0.0.1", [("X-Forwarded-For", line) for line in lines], TRUSTED, "http")
    assert told.address == str(_parsed(client))


@given(st.sampled_from(["10.0.0.1", "::ffff:10.0.0.1"]), headers)
def test_whatever_a_proxy_passes_on_the_client_is_of_a_known_form(
    peer: str, sent: list[tuple[str, str]]
) -> None:
    told = client_of(peer, sent, TRUSTED, "http")
    assert parse_address(told.address) is not None
    assert told.scheme in ("http", "https")
    assert re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", told.prefix)
