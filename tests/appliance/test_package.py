"""The package on a machine: install, upgrade, boot again, purge."""

from __future__ import annotations

from typing import Callable

import pytest

from .conftest import APT, OLDER
from .machine import Machine
from .service import CONFIG, UNIT, Service


def installed_version(machine: Machine) -> str:
    return machine.run("dpkg-query", "--show", "--showformat=${Version}", "hawkeye-signaling")


def test_service_runs_without_recommended_packages(service: Service) -> None:
    machine = service.machine
    assert machine.attempt("python3", "-c", "import uvloop")[0] != 0
    assert machine.attempt("sh", "-c", "command -v ps")[0] != 0
    assert service.answers()


def test_service_with_uvloop_restarts_without_refusing_a_connection(service: Service) -> None:
    machine = service.machine
    machine.shell(f"{APT} install python3-uvloop")
    try:
        service.systemctl("restart")
        assert "uvloop" in machine.run("cat", f"/proc/{service.pid}/maps")
        with service.knocks() as knocks, service.peers("drone-1") as peers:
            service.systemctl("restart")
            peers.next("handshake")
        assert knocks["refused"] == knocks["lost"] == 0
    finally:
        machine.shell(f"{APT} purge python3-uvloop")


def test_package_prefers_its_own_socketio(service: Service) -> None:
    """Python looks for Debian's here; the package's own comes first."""
    machine = service.machine
    theirs = "/usr/lib/python3/dist-packages/socketio"
    machine.write(f"{theirs}/__init__.py", "raise ImportError('the wrong one')\n")
    try:
        service.systemctl("restart")
        with service.peers("drone-1"):
            pass
    finally:
        machine.run("rm", "-r", theirs)
    depends = machine.run("dpkg-query", "--show", "--showformat=${Depends}", "hawkeye-signaling")
    assert "socketio" not in depends
    assert "engineio" not in depends


def test_upgrade_keeps_the_operators_file_and_refuses_no_connection(
    service: Service, record: Callable[..., None]
) -> None:
    machine = service.machine
    current = installed_version(machine)
    machine.shell(f"{APT} install --allow-downgrades /mnt/older/*.deb")
    assert installed_version(machine) == OLDER
    service.configure("rooms: {default: mine}\n")
    with service.knocks() as knocks:
        machine.shell(f"{APT} upgrade")
    assert installed_version(machine) == current
    assert machine.read(CONFIG) == "rooms: {default: mine}\n"
    assert machine.run("dpkg", "--audit") == ""
    assert service.active
    assert knocks["refused"] == 0
    record("upgrade", **knocks)


def test_service_starts_at_the_second_boot(machine: Machine) -> None:
    machine.power_off()
    machine.boot()
    service = Service(machine)
    assert service.active
    assert service.answers()


def test_purge_leaves_the_user_and_the_operators_file(service: Service) -> None:
    machine = service.machine
    service.configure("rooms: {default: mine}\n")
    machine.shell(f"{APT} purge hawkeye-signaling")
    try:
        assert machine.run("find", "/etc/hawkeye-signaling", "-type", "f") == CONFIG
        left = machine.shell(
            "find / -xdev -name '*hawkeye*' -not -path '/media/*' -not -path '/mnt/*' "
            "-not -path '/var/lib/apt/*' -not -path '/var/cache/apt/*'"
        )
        assert sorted(left.splitlines()) == [
            "/etc/apt/sources.list.d/hawkeye-signaling.sources",
            "/etc/hawkeye-signaling",
        ]
        assert machine.run("id", "--name", "--user", "hawkeye-signaling") == "hawkeye-signaling"
        assert machine.attempt("systemctl", "cat", UNIT)[0] != 0
    finally:
        machine.run("rm", "-f", CONFIG)
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
    assert service.active


def test_installed_size_is_less_than_2_megabytes(
    machine: Machine, record: Callable[..., None]
) -> None:
    size = machine.run(
        "dpkg-query", "--show", "--showformat=${Installed-Size}", "hawkeye-signaling"
    )
    record("installed size", kilobytes=int(size))
    assert int(size) < 2000


@pytest.mark.parametrize("page", ["hawkeye-signaling.8", "hawkeye-signaling.yaml.5"])
def test_package_contains_the_manual_pages(machine: Machine, page: str) -> None:
    listed = machine.run("dpkg-query", "--listfiles", "hawkeye-signaling")
    assert f"/usr/share/man/man{page[-1]}/{page}.gz" in listed.splitlines()
