"""The addresses of this machine: the kernel's own answers, compared with what `ip` says."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from signaling_server.appliance import own_addresses as module
from signaling_server.appliance.own_addresses import own_addresses, parse_if_inet6
from signaling_server.core.reporting.client_urls import Interface

TABLE = """\
fd000000000000000000000000000002 04 40 00 02     eth0
fd000000000000000000000000000003 04 40 00 01     eth0
fd000000000000000000000000000004 04 40 00 40     eth0
fe8000000000000000fc00fffe000001 04 40 20 80    wlan0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_ipv6_addresses_in_use_are_read_from_the_table() -> None:
    assert [*parse_if_inet6(TABLE)] == [
        Interface("eth0", "fd00::2"),
        Interface("wlan0", "fe80::fc:ff:fe00:1"),
        Interface("lo", "::1"),
    ]


@pytest.mark.skipif(not shutil.which("ip"), reason="needs iproute2")
def test_addresses_are_those_that_ip_lists() -> None:
    listed = json.loads(subprocess.check_output(["ip", "-json", "addr"]))
    expected = {
        Interface(link["ifname"], address["local"])
        for link in listed
        if {"UP", "LOWER_UP"} <= {*link["flags"]} and "LOOPBACK" not in link["flags"]
        for address in link["addr_info"]
        if not {"temporary", "deprecated", "tentative"} & {*address}
        and address.get("label", link["ifname"]) == link["ifname"]
    }
    assert {*own_addresses()} == expected


def test_loopback_is_none_of_them() -> None:
    assert not any(each.address.startswith(("127.", "::1")) for each in own_addresses())


def test_machine_without_ipv6_has_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "IF_INET6", str(tmp_path / "missing"))
    assert not any(":" in each.address for each in own_addresses())


def test_interface_that_goes_away_meanwhile_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "if_inet6"
    table.write_text("fd000000000000000000000000000002 04 40 00 02 gone0\n")
    monkeypatch.setattr(module, "IF_INET6", str(table))
    assert not any(each.name == "gone0" for each in own_addresses())


def test_sandbox_that_allows_no_socket_gives_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError("injected")

    monkeypatch.setattr(socket, "socket", fail)
    assert own_addresses() == []
