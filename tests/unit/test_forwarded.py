from __future__ import annotations

import pytest

from signaling_server.core.protocol.forwarded import (
    MAX_PREFIX,
    Client,
    check_trusted,
    client_of,
    trusted_networks,
)

TRUSTED = trusted_networks(["127.0.0.1", "10.0.0.0/24", "fd00::/64"])


def client(*headers: tuple[str, str], peer: str = "10.0.0.1", scheme: str = "http") -> Client:
    return client_of(peer, [("Host", "backend:8080"), *headers], TRUSTED, scheme)


def address(*entries: str, peer: str = "10.0.0.1") -> str:
    """Behind a trusted proxy, with X-Forwarded-For once for each of `entries`."""
    return client(*(("X-Forwarded-For", entry) for entry in entries), peer=peer).address


FORGED = [
    ("X-Forwarded-For", "1.2.3.4"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Prefix", "/evil"),
]


@pytest.mark.parametrize(
    ("peer", "own"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("10.0.1.1", "10.0.1.1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("", ""),
        ("@abstract", "@abstract"),
    ],
)
def test_headers_of_anybody_else_are_passed_over(peer: str, own: str) -> None:
    assert client(*FORGED, peer=peer) == Client(own, "http", "backend:8080", "")
    assert client(*FORGED, peer=peer, scheme="https").scheme == "https"


def test_nobody_is_trusted_by_default() -> None:
    assert client_of("127.0.0.1", FORGED, [], "http") == Client("127.0.0.1", "http", "", "")


def test_trusted_proxy_tells_all_four() -> None:
    told = client(
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "drone.example:8443"),
        ("X-Forwarded-Prefix", "/drone/a.b"),
    )
    assert told == Client("203.0.113.9", "https", "drone.example:8443", "/drone/a.b")


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "fd00::7", "127.0.0.1"])
def test_proxy_is_known_by_any_spelling_of_its_address(peer: str) -> None:
    assert address("203.0.113.9", peer=peer) == "203.0.113.9"


def test_proxy_that_tells_nothing_is_the_client() -> None:
    assert client() == Client("10.0.0.1", "http", "backend:8080", "")


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9,10.0.0.2 , 10.0.0.3"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "6.6.6.6"], "6.6.6.6"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["203.0.113.9:5555"], "203.0.113.9"),
        (["[2001:db8::9]:5555"], "2001:db8::9"),
        (["[2001:DB8::9]"], "2001:db8::9"),
        (["2001:db8:0::9"], "2001:db8::9"),
        (["fe80::9%eth0"], "fe80::9%eth0"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
    ],
)
def test_right_most_address_that_is_not_trusted_is_the_client(
    entries: list[str], found: str
) -> None:
    assert address(*entries) == found


@pytest.mark.parametrize(
    "malformed",
    [
        *("", "unknown", "_hidden", "10.0.0", "203.0.113.9:", "203.0.113.9:x", "[203.0.113.9]"),
        *("[::1", "[::1]x", '"203.0.113.9"', "fe80::1%a b", "203.0.113.9:5:5", "for=203.0.113.9"),
    ],
)
def test_malformed_entry_ends_the_walk_at_the_last_trusted_address(malformed: str) -> None:
    assert address(malformed) == "10.0.0.1"
    assert address(f"203.0.113.9, {malformed}") == "10.0.0.1"
    assert address(f"203.0.113.9, {malformed}, 10.0.0.2") == "10.0.0.2"


@pytest.mark.parametrize("value", ["ftp", "HTTPS", "", "https;", "javascript"])
def test_scheme_is_http_or_https(value: str) -> None:
    assert client(("X-Forwarded-Proto", value)).scheme == "http"


@pytest.mark.parametrize("value", ["", "a b", "x/y", "user@x", "a:99999"])
def test_host_that_is_none_does_not_count(value: str) -> None:
    assert client(("X-Forwarded-Host", value)).host == "backend:8080"


@pytest.mark.parametrize(
    "value",
    [
        *("", "/", "drone", "/drone/", "//evil.example", "/a//b", '/a"b', "/a?b", "/a%2fb", "/a b"),
        *("/..", "/a/../b", "/.", "/" + "x" * MAX_PREFIX, "/a\nb"),
    ],
)
def test_prefix_that_could_be_anything_else_does_not_count(value: str) -> None:
    assert client(("X-Forwarded-Prefix", value)).prefix == ""


def test_of_a_list_the_word_of_the_proxy_itself_counts() -> None:
    told = client(
        ("x-forwarded-proto", "http, https"),
        ("X-FORWARDED-HOST", "evil.example"),
        ("X-Forwarded-Host", "drone.example"),
        ("X-Forwarded-Prefix", "/evil,/drone"),
    )
    assert told == Client("10.0.0.1", "https", "drone.example", "/drone")


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["127.0.0.1", "::1"],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"],
        ["0.0.0.0/2", "2001:db8::/32"],
        ["0.0.0.0/2", "0.0.0.0/3", "10.0.0.0/8"],
    ],
)
def test_list_of_proxies_is_no_complaint(texts: list[str]) -> None:
    assert check_trusted(texts) == []


@pytest.mark.parametrize(
    "texts",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["::ffff:0:0/96"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
        ["10.0.0.0/8", "64.0.0.0/2", "128.0.0.0/2"],
        ["2000::/3"],
        ["2000::/5", "2800::/5"],
    ],
)
def test_list_of_everybody_is_refused(texts: list[str]) -> None:
    (complaint,) = check_trusted(texts)
    assert "would trust everybody" in complaint


def test_each_thing_wrong_is_told() -> None:
    complaints = check_trusted(["proxy", "10.0.0.1/8", "0.0.0.0/0", "::/0"])
    assert len(complaints) == 4
    assert "'proxy' is no address" in complaints[0]
    assert "write '10.0.0.0/8'" in complaints[1]
