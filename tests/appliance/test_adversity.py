"""The service on a machine where something is missing: disk, journal, user namespaces."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest

from .conftest import APT, Packages
from .machine import SUITES, Machine
from .service import INSIDE, MEMORY, Service

JOURNALD = [
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald-audit.socket",
    "systemd-journald.service",
]


def test_full_disk_is_said_and_stops_nothing(service: Service) -> None:
    machine = service.machine
    state = "/var/lib/hawkeye-signaling"
    machine.shell(
        f"mount -t tmpfs -o size=64k,mode=755 tmpfs {state}; chown hawkeye-signaling: {state};"
        f"dd if=/dev/zero of={state}/full bs=1k 2>/dev/null || true"
    )
    try:
        tokens = "/etc/hawkeye-signaling/tokens.yaml"
        machine.shell(f"hawkeye-signaling new-token --name n | sed -n '/^tokens:/,$p' >{tokens}")
        service.configure(f"auth: {{tokens_file: {tokens}}}\n")
        service.systemctl("restart")
        warning = f"{MEMORY} cannot be written (No space left on device)"
        machine.until(lambda: warning in service.status, 5, warning)
        assert warning in service.messages()
        assert service.answers()
        machine.run("rm", f"{state}/full")
        service.systemctl("reload")
        machine.until(lambda: warning not in service.status, 5, "room again")
    finally:
        machine.run("systemctl", "stop", service.unit)
        machine.run("umount", state)


def test_service_works_and_restarts_while_journald_is_stopped(service: Service) -> None:
    machine = service.machine
    machine.attempt("systemctl", "stop", *JOURNALD)
    try:
        assert machine.attempt("systemctl", "is-active", JOURNALD[-1])[0] != 0
        with service.peers("drone-1"):
            pass
        machine.run("systemctl", "restart", service.unit)
        with service.peers("drone-1"):
            pass
        assert service.restarts == 0
    finally:
        machine.run("systemctl", "start", *JOURNALD[:2], JOURNALD[-1])
    machine.run("systemctl", "restart", service.unit)
    assert "listens on" in service.messages()


@pytest.fixture(params=SUITES)
def machine_without_user_namespaces(
    request: pytest.FixtureRequest, packages: Packages, tmp_path: Path
) -> Iterator[Machine]:
    """A machine with the package, in which user.max_user_namespaces is 0."""
    repository = packages.repository(request.param)
    shared = {"/media/hawkeye": repository, INSIDE: Path(__file__).parent / "inside"}
    # In a user namespace of its own, whose limit does not concern the host.
    machine = Machine(request.param, tmp_path, shared, "--private-users=pick")
    try:
        machine.boot()
        machine.forbid_user_namespaces()
        sources = repository / "hawkeye-signaling.sources"
        name = f"/etc/apt/sources.list.d/{sources.name}"
        machine.write(name, sources.read_text())
        machine.run("apt-get", "--quiet", "update")
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
        yield machine
    finally:
        machine.remove()


def test_service_starts_without_user_namespaces(machine_without_user_namespaces: Machine) -> None:
    machine = machine_without_user_namespaces
    assert machine.attempt("unshare", "--user", "true")[0] != 0
    service = Service(machine)
    assert service.active
    with service.peers("drone-1"):
        pass
    # What was in the unit before: the machine is one on which that fails.
    service.drop_in("PrivateUsers=yes")
    assert machine.attempt("systemctl", "restart", service.unit)[0] != 0
    assert service.show("ExecMainStatus") == "217"


# --- what it costs, beside another service --------------------------------------------------------


@pytest.mark.timed
def test_start_and_memory_beside_redis(
    service: Service, redis: str, record: Callable[..., None]
) -> None:
    """Ratios to a peer in the same machine: the seconds alone depend on the host."""
    machine = service.machine

    def cost(unit: str) -> dict[str, float]:
        """Seconds from start to READY (the best of five), and megabytes then."""
        seconds = []
        for _ in range(5):
            machine.run("systemctl", "reset-failed", unit)  # redis-server has a limit on starts
            machine.run("systemctl", "restart", unit)
            began, ended = (
                int(machine.show(f"{name}TimestampMonotonic", unit))
                for name in ("InactiveExit", "ActiveEnter")
            )
            seconds.append((ended - began) / 1e6)
        told = machine.run("cat", f"/proc/{machine.show('MainPID', unit)}/status")
        pages = {
            name: int(size.split()[0]) / 1000
            for name, _, size in (line.partition(":") for line in told.splitlines())
            if name in ("VmRSS", "RssAnon")
        }
        return {
            "seconds": min(seconds),
            "resident": pages["VmRSS"],
            "private": pages["RssAnon"],
            "cgroup": int(machine.show("MemoryCurrent", unit)) / 1e6,
        }

    ours, theirs = cost(service.unit), cost(redis)
    record(
        "start to READY (s) and idle memory (MB), beside redis-server",
        ours={name: round(value, 2) for name, value in ours.items()},
        redis={name: round(value, 2) for name, value in theirs.items()},
        ratio={name: round(ours[name] / theirs[name], 1) for name in ours},
    )
    # Resident pages of files are Python itself and libraries, which other processes share.
    assert ours["private"] <= 30
