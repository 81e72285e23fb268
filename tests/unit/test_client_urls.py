from __future__ import annotations

import pytest

from signaling_server.core.reporting.client_urls import (
    MOST,
    Interface,
    Place,
    client_url,
    note,
    places,
)

FOUND = [
    Interface("lo", "127.0.0.1"),
    Interface("docker0", "172.17.0.1"),
    Interface("wg0", "10.8.0.2"),
    Interface("eth0", "169.254.7.7"),
    Interface("wlan0", "fe80::1"),
    Interface("wlan0", "fd00::2"),
    Interface("eth0", "192.168.144.10"),
    Interface("wlan0", "192.168.1.10"),
    Interface("can0", "10.9.0.1"),
]


def urls(host: str, found: list[Interface] = FOUND, scheme: str = "http") -> list[str]:
    return [place.url for place in places(host, 8080, scheme, found)]


def test_addresses_of_networks_come_first_and_those_of_containers_never() -> None:
    assert places("0.0.0.0", 8080, "http", FOUND) == [
        Place("http://192.168.1.10:8080/", "Wi-Fi", "wlan0"),
        Place("http://192.168.144.10:8080/", "Ethernet", "eth0"),
        Place("http://10.8.0.2:8080/", "VPN", "wg0"),
        Place("http://10.9.0.1:8080/", "can0", "can0"),
        Place("http://169.254.7.7:8080/", "Ethernet", "eth0"),
    ]


def test_ipv6_is_given_where_the_server_listens_on_it() -> None:
    assert "http://[fd00::2]:8080/" in urls("::")
    assert not any("fe80" in url for url in urls("::"))
    assert not any("[" in url for url in urls("0.0.0.0"))


def test_container_is_better_than_nothing() -> None:
    assert urls("0.0.0.0", FOUND[:2]) == ["http://172.17.0.1:8080/"]


def test_addresses_are_few() -> None:
    assert len(urls("0.0.0.0", [Interface("eth0", f"10.0.0.{n}") for n in range(1, 20)])) == MOST


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "LOCALHOST.", "127.9.9.9"])
def test_address_that_means_another_machine_there_is_never_given(host: str) -> None:
    assert urls(host) == []
    assert "set listen.host" in note(host, [])
    assert host in note(host, [])


def test_server_without_a_network_says_so() -> None:
    assert urls("0.0.0.0", FOUND[:1]) == []
    assert "no address in a network" in note("0.0.0.0", [])
    assert note("0.0.0.0", places("0.0.0.0", 8080, "http", FOUND)) == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.168.1.10", "https://192.168.1.10:8080/"),
        ("fd00::2", "https://[fd00::2]:8080/"),
        ("drone.local", "https://drone.local:8080/"),
    ],
)
def test_server_that_listens_on_one_address_gives_that(host: str, url: str) -> None:
    assert places(host, 8080, "https", FOUND) == [Place(url, "listen.host", "")]


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_port_of_the_scheme_is_left_out(scheme: str, port: int) -> None:
    assert places("10.0.0.1", port, scheme, [])[0].url == f"{scheme}://10.0.0.1/"


def test_url_of_a_client_is_complete() -> None:
    url = client_url("http://192.168.1.10:8080/", "drone-1", "streaming-node")
    assert url == "http://192.168.1.10:8080/?room=drone-1&name=streaming-node"
