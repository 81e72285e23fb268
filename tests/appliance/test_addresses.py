"""The service where its own address is not there, and where `status` finds it."""

from __future__ import annotations

import json
import time
from typing import Callable, Iterator

import pytest

from .machine import Machine
from .service import INSIDE, PORT, Service

TRUSTED_MICROSECONDS = 8_000_000
"""How long a check vouches for the server (core/watchdog_rule.py)."""
LEASED = "10.0.0.5"
NO_ADDRESS = "no address of its own can be reached"
CASES = {
    "no-ipv6": 'listen: {host: "::", port: 9001}\n',
    "lease-ended": f"listen: {{host: {LEASED}, port: 9002}}\n",
    "lo-down": "listen: {port: 9003}\n",
    "bound-lo-down": "listen: {host: 10.0.0.6, port: 9004}\n",
}


@pytest.fixture
def instances(machine: Machine) -> Iterator[dict[str, Service]]:
    """An instance for each case, on a machine where it comes true; they hang at SIGUSR1."""
    services = {case: Service(machine, case) for case in CASES}
    dark = "NetworkNamespacePath=/run/netns/dark"
    machine.shell("mkdir -p /run/netns; touch /run/netns/dark; unshare --net=/run/netns/dark true")
    in_the_dark = f"nsenter --net=/proc/{machine.leader}/root/run/netns/dark ip"
    machine.network(
        "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6;"
        f"ip link add hk0 type veth peer name hk1; ip addr add {LEASED}/24 dev hk0;"
        "ip link set hk0 up; ip link set hk1 up;"
        f"{in_the_dark} link add hk0 type veth peer name hk1;"
        f"{in_the_dark} addr add 10.0.0.6/24 dev hk0;"
        f"{in_the_dark} link set hk0 up; {in_the_dark} link set hk1 up"
    )
    try:
        for case, service in services.items():
            service.configure(CASES[case])
            start = (
                f"ExecStart=\nExecStart=/usr/bin/python3 -I {INSIDE}/faulty.py --instance {case}"
            )
            service.drop_in(start if "lo-down" not in case else f"{start}\n{dark}")
            service.systemctl("start")
        yield services
    finally:
        for service in services.values():
            service.remove_instance()
        machine.network("echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link del hk0")
        machine.run("umount", "/run/netns/dark")


def uptime(machine: Machine) -> int:
    """Microseconds, on the clock of systemd's timestamps."""
    return int(float(machine.run("cat", "/proc/uptime").split()[0]) * 1e6)


def test_server_without_its_address_lives_and_is_still_restarted_when_it_hangs(
    machine: Machine, instances: dict[str, Service], record: Callable[..., None]
) -> None:
    machine.network(f"ip addr del {LEASED}/24 dev hk0")
    gone = uptime(machine)
    pids = {case: service.pid for case, service in instances.items()}

    def vouched(service: Service) -> bool:
        """It is alive by a check that was made without the address."""
        return int(service.show("WatchdogTimestampMonotonic")) > gone + TRUSTED_MICROSECONDS

    for case, service in instances.items():
        machine.until(lambda s=service: vouched(s), 8 + 7.5 + 4, f"WATCHDOG=1, {case}")
        assert (service.restarts, service.pid) == (0, pids[case])
    for case in ("lease-ended", "lo-down", "bound-lo-down"):
        assert NO_ADDRESS in instances[case].status
        assert instances[case].messages().count(f"self-check failed: {NO_ADDRESS}") == 1
    assert "::" not in instances["no-ipv6"].status  # 127.0.0.1 answers
    assert "self-check" not in instances["no-ipv6"].messages()
    assert instances["no-ipv6"].answers(9001)

    for service in instances.values():
        service.signal("USR1")
    began = time.monotonic()
    left = {*instances}
    while left:
        assert time.monotonic() - began < 20, f"still hang: {left}"
        left = {case for case in left if instances[case].restarts == 0}
    seconds = round(time.monotonic() - began, 1)
    record("hang until restarted, no address can be called", seconds=seconds)
    for service in instances.values():
        assert "Watchdog timeout" in service.messages()


def test_address_that_comes_back_is_used_again(
    machine: Machine, instances: dict[str, Service]
) -> None:
    leased = instances["lease-ended"]
    machine.network(f"ip addr del {LEASED}/24 dev hk0")
    machine.until(lambda: NO_ADDRESS in leased.status, 3 + 2 + 2 + 3, "the warning")
    machine.network(f"ip addr add {LEASED}/24 dev hk0")
    machine.until(lambda: NO_ADDRESS not in leased.status, 3 + 2 + 2 + 3, "its end")
    assert leased.messages().count("self-check succeeds again") == 1
    assert leased.restarts == 0


def test_server_starts_as_soon_as_its_leased_address_is_there(
    machine: Machine, service: Service
) -> None:
    """A DHCP server may be slower than the boot: READY=1 waits for the address."""
    machine.network("ip link add hk2 type veth peer name hk3; ip link set hk2 up")
    try:
        service.configure("listen: {host: 10.0.0.7}\n")
        machine.run("systemctl", "restart", "--no-block", service.unit)
        said = "not serving: cannot listen on 10.0.0.7, port 8080: Cannot assign requested address"
        machine.until(lambda: service.status == said, 5, said)
        before = service.restarts
        machine.until(lambda: service.restarts >= before + 2, 15, "it tries again and again")
        assert not service.active
        machine.network("ip addr add 10.0.0.7/24 dev hk2")
        machine.until(lambda: service.active, 5, "READY=1")
        machine.until(lambda: service.status.startswith("no peers"), 5, "the status")
        assert "signaling works at http://10.0.0.7:8080" in machine.run(
            "hawkeye-signaling", "probe"
        )
    finally:
        machine.network("ip link del hk2")


# --- where it listens -----------------------------------------------------------------------------


def status(machine: Machine, *arguments: str) -> dict[str, object]:
    """What `status --json` says to a user without any rights."""
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    said = machine.run(*as_nobody, "hawkeye-signaling", "status", "--json", *arguments)
    told: dict[str, object] = json.loads(said)["server"]
    return told


def test_status_and_probe_find_a_service_whose_unit_overrides_the_port(service: Service) -> None:
    machine = service.machine
    start = "ExecStart=\nExecStart=/usr/bin/hawkeye-signaling serve --host ::1 --port 9100"
    service.drop_in(start)
    service.systemctl("restart")
    address = "/run/hawkeye-signaling/address.json"
    assert json.loads(machine.run("cat", address))["url"] == "http://[::1]:9100"
    assert machine.run("stat", "--format=%a %U", address) == "644 hawkeye-signaling"
    assert status(machine)["version"]
    assert "signaling works at http://[::1]:9100" in machine.run("hawkeye-signaling", "probe")
    service.systemctl("stop")
    assert machine.attempt("cat", address)[0] != 0
    code, said = machine.attempt("hawkeye-signaling", "status")
    assert code == 1
    assert f"127.0.0.1:{PORT}" in said  # the configured one


def test_address_of_a_service_that_was_killed_is_not_asked(service: Service) -> None:
    service.drop_in("Restart=no")
    service.machine.run("systemctl", "daemon-reload")
    service.signal("KILL")
    service.machine.until(lambda: not service.active, 5, "its end")
    assert service.machine.run("cat", "/run/hawkeye-signaling/address.json")
    code, said = service.machine.attempt("hawkeye-signaling", "status")
    assert code == 1
    assert "no status from http://127.0.0.1:8080" in said
