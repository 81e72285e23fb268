"""Two instances of the service beside each other: hawkeye-signaling@NAME.service."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from .conftest import APT, OLDER
from .machine import Machine
from .service import Service

PORTS = {"drone-1": 9001, "drone-2": 9002}


@pytest.fixture
def drones(machine: Machine) -> Iterator[dict[str, Service]]:
    """Two instances that run."""
    services = {name: Service(machine, name) for name in PORTS}
    try:
        for name, service in services.items():
            service.configure(f"listen: {{port: {PORTS[name]}}}\n")
            service.systemctl("enable")
            service.systemctl("start")
        yield services
    finally:
        for service in services.values():
            service.remove_instance()


def require_tokens(service: Service, name: str) -> str:
    """Turn tokens on; returns one for a client of this name."""
    tokens = f"{service.etc}/tokens.yaml"
    token = service.machine.shell(
        f"said=$(hawkeye-signaling new-token --name {name});"
        f'echo "$said" | sed -n "/^tokens:/,\\$p" >{tokens};'
        f"chgrp hawkeye-signaling {tokens}; chmod 640 {tokens};"
        'echo "$said" | grep ^hs_'
    )
    port = PORTS[service.instance]
    service.configure(f"listen: {{port: {port}}}\nauth: {{tokens_file: {tokens}}}\n")
    service.systemctl("restart")
    return token


def test_instances_have_ports_tokens_store_folders_and_watchdog_of_their_own(
    service: Service, drones: dict[str, Service]
) -> None:
    machine, (one, two) = service.machine, drones.values()
    token = require_tokens(one, "node")
    for name, drone in drones.items():
        assert drone.answers(PORTS[name])
        assert drone.show("NFileDescriptorStore") == "1"
        assert drone.show("WatchdogUSec") == "15s"
        assert drone.show("Slice") == "system.slice"
    assert machine.exists("/var/lib/hawkeye-signaling/drone-1/doors.json")
    assert not machine.exists("/var/lib/hawkeye-signaling/drone-2/doors.json")
    assert not machine.exists("/var/lib/hawkeye-signaling/doors.json")
    for name in PORTS:
        url = f"http://127.0.0.1:{PORTS[name]}"
        probe = f"HAWKEYE_TOKEN={token} hawkeye-signaling probe --instance {name}"
        assert f"signaling works at {url}" in machine.shell(probe)
    code, said = machine.attempt("hawkeye-signaling", "probe", "--instance", "drone-1")
    assert (code, "requires a token" in said) == (1, True)
    assert "no peers" in two.status
    assert "open to anyone" not in one.status
    # The service itself, and its stop, have nothing to do with the instances.
    assert "http://127.0.0.1:8080" in machine.run("hawkeye-signaling", "probe")
    service.systemctl("stop")
    assert machine.run("hawkeye-signaling", "status", "--instance", "drone-2")
    assert two.answers(PORTS["drone-2"])


def test_reload_and_check_are_about_the_instance_alone(
    service: Service, drones: dict[str, Service]
) -> None:
    machine, (one, two) = service.machine, drones.values()
    one.configure("listen: {prot: 9001}\n")
    assert machine.attempt("systemctl", "reload", one.unit)[0] != 0
    assert "/etc/hawkeye-signaling/drone-1/conf.d/50-test.yaml:1:10: " in one.status
    for other in (two, service):
        other.systemctl("reload")
        assert "not reloaded" not in other.status
    check = ("hawkeye-signaling", "check-config")
    assert machine.attempt(*check, "--instance", "drone-1")[0] == 78
    assert machine.attempt(*check, "--instance", "drone-2")[0] == 0
    assert machine.attempt(*check)[0] == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("conf.d", "hawkeye-signaling@conf.d: the name must be 1 to 64 characters"),
        ("typo", "/etc/hawkeye-signaling/typo: there is no such folder: make it"),
    ],
)
def test_instance_without_a_folder_of_its_own_is_refused(
    machine: Machine, name: str, why: str
) -> None:
    unit = f"hawkeye-signaling@{name}.service"
    machine.run("systemctl", "start", "--no-block", unit)
    try:
        said = f"not serving, configuration error: {why}"
        machine.until(lambda: machine.show("StatusText", unit).startswith(said), 15, said)
    finally:
        machine.run("systemctl", "stop", unit)


def test_upgrade_restarts_the_instances_that_run_and_refuses_no_connection(
    service: Service, drones: dict[str, Service], record: Callable[..., None]
) -> None:
    machine, (one, two) = service.machine, drones.values()
    machine.shell(f"{APT} install --allow-downgrades /mnt/older/*.deb")
    two.systemctl("stop")
    pid = one.pid
    version = "dpkg-query --show --showformat=${Version} hawkeye-signaling"
    assert machine.run(*version.split()) == OLDER
    with one.knocks(port=PORTS["drone-1"]) as knocks:
        machine.shell(f"{APT} upgrade")
    assert knocks["refused"] == 0
    assert one.active
    assert one.pid != pid
    assert not two.active
    record("upgrade, an instance", **knocks)


def test_removal_stops_the_instances_and_purge_forgets_them(
    service: Service, drones: dict[str, Service]
) -> None:
    machine = service.machine
    links = "/etc/systemd/system/multi-user.target.wants"
    assert machine.exists(f"{links}/hawkeye-signaling@drone-1.service")
    try:
        machine.shell(f"{APT} remove hawkeye-signaling")
        assert [drone.active for drone in drones.values()] == [False, False]
        assert not service.answers(PORTS["drone-1"])
        assert machine.exists(f"{links}/hawkeye-signaling@drone-1.service")
        machine.shell(f"{APT} purge hawkeye-signaling")
        assert not machine.exists(f"{links}/hawkeye-signaling@drone-1.service")
        assert machine.attempt("ls", "/var/lib/hawkeye-signaling", "/run/hawkeye-signaling")[0] != 0
        assert machine.exists("/etc/hawkeye-signaling/drone-1/conf.d/50-test.yaml")
    finally:
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
    assert service.active


def test_unit_file_of_instances_passes_systemds_verification(machine: Machine) -> None:
    unit = "/usr/lib/systemd/system/hawkeye-signaling@.service"
    folder = "/lib/systemd/system" if not machine.exists(unit) else "/usr/lib/systemd/system"
    verify = ("systemd-analyze", "verify", "--man=no", f"{folder}/hawkeye-signaling@drone.service")
    code, said = machine.attempt(*verify)
    assert (code, said) == (0, "")
