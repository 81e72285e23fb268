"""What a certificate is for, what the authority permits, and when the certificate is renewed."""

from __future__ import annotations

import pytest

from signaling_server.core.certificate.contents import (
    DAY,
    Certificate,
    Contents,
    authority_names,
    is_host,
    own_hosts,
    permits,
    reason_to_renew,
    wanted,
)

NOW = 1_800_000_000.0
YEAR = 365 * DAY
WANT = Contents(("localhost", "drone-1.local"), ("127.0.0.1", "10.0.0.5", "::1"))


@pytest.mark.parametrize("name", ["drone-1", "drone-1.local", "a.b.example", "9x"])
def test_host_names(name: str) -> None:
    assert is_host(name)


@pytest.mark.parametrize(
    "name", ["", "Drone", "drone_1", "-x", "x-", "10.0.0.1", "a..b", "a b", "a=b", "a\nb", "x" * 64]
)
def test_what_is_no_host_name(name: str) -> None:
    assert not is_host(name)


@pytest.mark.parametrize(
    ("machine", "hosts"),
    [
        ("Drone-1", ["localhost", "drone-1", "drone-1.local"]),
        ("drone-1.local", ["localhost", "drone-1.local"]),
        ("drone-1.example", ["localhost", "drone-1.example", "drone-1.local"]),
        ("localhost", ["localhost"]),
        ("drone_1", ["localhost"]),
    ],
)
def test_machine_is_known_by_its_name_and_in_mdns(machine: str, hosts: list[str]) -> None:
    assert own_hosts(machine) == hosts


def test_authority_permits_names_of_the_machine_and_of_mdns() -> None:
    names = authority_names(["localhost", "drone-1", "drone-1.local", "drone-1"])
    assert names == ["localhost", "local", "drone-1"]
    assert permits(names, "gcom.local")
    assert not permits(names, "drone-1.example")
    assert not permits(names, "notlocal")


def test_certificate_is_for_what_the_authority_permits() -> None:
    hosts = ["localhost", "drone-1", "renamed", "drone-1"]
    addresses = ["192.168.1.10", "fd00::10", "10.0.0.9", "10.0.0.10", "203.0.113.5", "2001:db8::1"]
    assert wanted(hosts, addresses, ["localhost", "drone-1"]) == Contents(
        ("localhost", "drone-1"),
        ("10.0.0.9", "10.0.0.10", "127.0.0.1", "192.168.1.10", "::1", "fd00::10"),
    )


def test_certificate_with_half_a_year_left_stays() -> None:
    assert reason_to_renew(Certificate(WANT, NOW + 181 * DAY), WANT, NOW, NOW + YEAR) == ""


def test_certificate_is_renewed_when_less_is_left() -> None:
    found = Certificate(WANT, NOW + 179 * DAY)
    assert reason_to_renew(found, WANT, NOW, NOW + YEAR) == "it expires in 179 days"
    assert reason_to_renew(found, WANT, NOW + YEAR, NOW + 2 * YEAR) == "it has expired"


def test_certificate_that_ends_with_its_authority_is_not_renewed_again_and_again() -> None:
    found = Certificate(WANT, NOW + 100 * DAY)
    assert reason_to_renew(found, WANT, NOW, NOW + 100 * DAY) == ""


def test_certificate_is_renewed_for_a_new_address_and_a_new_name() -> None:
    found = Certificate(Contents(("localhost",), ("127.0.0.1", "::1")), NOW + YEAR)
    reason = reason_to_renew(found, WANT, NOW, NOW + YEAR)
    assert reason == "it is not for drone-1.local, 10.0.0.5"


def test_address_that_has_gone_is_no_reason() -> None:
    found = Certificate(WANT._replace(addresses=(*WANT.addresses, "10.0.0.6")), NOW + YEAR)
    assert reason_to_renew(found, WANT, NOW, NOW + YEAR) == ""
