from __future__ import annotations

import pytest

from signaling_server.core.protocol.hosts import (
    SHOWN,
    Host,
    host_refusal,
    local_host,
    name_complaint,
    of_browser,
    own_host,
    own_names,
    parse_host,
    shown,
)

NAMES = own_names("Drone-1", ["gcom.example", "*.fleet.example"], ["Drone.Example."])
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.1", Host("10.0.0.1", None)),
        ("10.0.0.1:8080", Host("10.0.0.1", 8080)),
        ("[::1]:8080", Host("::1", 8080)),
        ("[0:0::1]", Host("::1", None)),
        ("[::FFFF:10.0.0.1]", Host("10.0.0.1", None)),
        ("[fe80::1%25eth0]:80", Host("fe80::1%eth0", 80)),
        ("GCOM.Example.:80", Host("gcom.example", 80)),
        ("gcom.example:", Host("gcom.example", None)),
        ("drone_1-x", Host("drone_1-x", None)),
        ("LocalHost.", Host("localhost", None)),
        ("ai.", Host("ai.", None)),
    ],
)
def test_host_is_read_in_one_spelling(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ":80", "::1", "[::1", "[10.0.0.1]", "[x:y]", "a b", "a/b", "user@host", "a..b", "."),
        *("gcom.example..", "gcom:x", "gcom:65536", "gcom:123456", "1.2.3", "0x7f.1", "x.0x7f"),
        *("\u212aey.example", "x" * 64, ".".join(["x" * 60] * 5)),
    ],
)
def test_host_that_no_browser_sends_is_none(text: str) -> None:
    assert parse_host(text) is None


@pytest.mark.parametrize(
    "name",
    [
        *("127.0.0.1", "127.255.255.254", "::1", "10.255.0.1", "172.16.0.1", "172.31.255.255"),
        *("192.168.4.1", "fd00::1", "fc00::1", "169.254.1.1", "fe80::1", "fe80::1%eth0"),
        *("febf::1", "100.64.0.1", "100.127.255.255", "localhost", "drone-1"),
        *("drone-1.local", "gcom.lan", "a.b.internal", "gcom.home.arpa"),
    ],
)
def test_host_of_a_local_network(name: str) -> None:
    assert local_host(name)


@pytest.mark.parametrize(
    "name",
    [
        *("8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.63.0.1", "100.128.0.1"),
        *("2001:db8::1", "fec0::1", "fe00::1", "gcom.example", "local.example", "home.arpa"),
        *("notlocal.arpa", "ai."),
    ],
)
def test_host_of_elsewhere(name: str) -> None:
    assert not local_host(name)


def test_own_names_are_those_of_machine_certificate_and_configuration() -> None:
    assert {*NAMES} == {
        *("localhost", "drone-1", "drone-1.local"),
        *("gcom.example", "*.fleet.example", "drone.example"),
    }
    assert {"drone-1.example.org", "drone-1.local"} <= own_names("drone-1.example.org.", [], [])
    assert own_names("", [], []) == {"localhost"}


@pytest.mark.parametrize(
    "name", ["8.8.8.8", "2001:db8::1", "localhost", "drone-1.local", "a.fleet.example"]
)
def test_own_host(name: str) -> None:
    assert own_host(name, NAMES)


@pytest.mark.parametrize(
    "name", ["evil.example", "drone-2.local", "fleet.example", "a.b.fleet.example", "drone-2"]
)
def test_foreign_host(name: str) -> None:
    assert not own_host(name, NAMES)


@pytest.mark.parametrize("text", ["drone.example", "*.drone.example", "DRONE", "10.0.0.1"])
def test_listed_name_may_be_any_host(text: str) -> None:
    assert name_complaint(text) == ""


@pytest.mark.parametrize("text", ["http://drone.example", "drone:8080", "a/b", "*", "*.*.x", ""])
def test_listed_name_that_is_none_is_complained_of(text: str) -> None:
    assert "is no host name" in name_complaint(text)


@pytest.mark.parametrize(
    "headers",
    [
        BROWSER,
        {"origin": "http://evil.example"},
        {"REFERER": "http://evil.example/x"},
        {"Accept-Language": "de"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-CH-UA": "x"},
    ],
)
def test_browser_is_known_by_what_a_page_cannot_hide(headers: dict[str, str]) -> None:
    assert of_browser(headers)
    for path in ("/status", "/api/status", "/metrics", "/socket.io/"):
        reason = host_refusal(path, headers, ["evil.example:8080"], NAMES)
        assert reason == "'evil.example:8080' is no name of this server"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"User-Agent": "Prometheus/2.42.0", "Accept": "*/*"},
        {"User-Agent": "Python/3.11 aiohttp/3.8.4", "Sec-WebSocket-Key": "x"},
    ],
)
def test_programs_are_not_asked_for_the_host(headers: dict[str, str]) -> None:
    assert not of_browser(headers)
    assert host_refusal("/metrics", headers, ["evil.example"], NAMES) == ""


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_anybody_may_ask_whether_it_runs(path: str) -> None:
    assert host_refusal(path, BROWSER, ["evil.example"], NAMES) == ""


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]:8080", "gcom.lan", "Drone.example:80"])
def test_browser_is_served_under_own_and_local_names(host: str) -> None:
    assert host_refusal("/status", BROWSER, [host], NAMES) == ""


@pytest.mark.parametrize("host", ["", "x y", "evil.example"])
def test_each_host_of_a_request_has_to_pass(host: str) -> None:
    assert host_refusal("/status", BROWSER, ["10.0.0.1", host], NAMES)
    assert host_refusal("/status", BROWSER, [host, "10.0.0.1"], NAMES)


def test_what_a_caller_sent_is_cut_and_escaped() -> None:
    assert shown("a\nb\u2028") == r"'a\nb\u2028'"
    assert shown("x" * 5000) == "'" + "x" * SHOWN + "...'"
