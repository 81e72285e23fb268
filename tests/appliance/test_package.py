"""The package on a machine: install, upgrade, boot again, purge."""

from __future__ import annotations

from typing import Callable

import pytest

from signaling_server.cli.main import COMMANDS

from .conftest import APT, OLDER
from .machine import Machine
from .service import CONFIG, ETC, UNIT, Service


def add_address(machine: Machine, address: str) -> None:
    """Give its loopback interface a further address, 0.0.0.0 to remove it, without iproute2."""
    program = (
        "import fcntl, socket, struct, sys;"
        "request = struct.pack('16sH2s4s8x', b'lo:1', socket.AF_INET, b'', "
        "socket.inet_aton(sys.argv[1]));"
        "fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8916, request)"
    )
    machine.run("python3", "-I", "-c", program, address)


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


def test_installed_size_is_at_most_2600_kilobytes(
    machine: Machine, record: Callable[..., None]
) -> None:
    size = machine.run(
        "dpkg-query", "--show", "--showformat=${Installed-Size}", "hawkeye-signaling"
    )
    record("installed size", kilobytes=int(size))
    assert int(size) <= 2600


@pytest.mark.parametrize("page", ["hawkeye-signaling.8", "hawkeye-signaling.yaml.5"])
def test_package_contains_the_manual_pages(machine: Machine, page: str) -> None:
    listed = machine.run("dpkg-query", "--listfiles", "hawkeye-signaling")
    assert f"/usr/share/man/man{page[-1]}/{page}.gz" in listed.splitlines()


# --- what people look for in a package ------------------------------------------------------------


def test_bash_completes_every_command_and_option(machine: Machine) -> None:
    def completed(*words: str) -> set[str]:
        script = (
            "source /usr/share/bash-completion/completions/hawkeye-signaling;"
            f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1};"
            '_hawkeye_signaling; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        return {*machine.run("bash", "-c", script).split()}

    assert completed("hawkeye-signaling", "''") == {*COMMANDS, "--help", "--version"}
    assert completed("hawkeye-signaling", "pr") == {"print-config", "probe"}
    assert {"--url", "--json", "--config"} <= completed("hawkeye-signaling", "status", "--")
    assert {"--renew", "--name"} <= completed("hawkeye-signaling", "new-certificate", "--")
    assert completed("hawkeye-signaling", "serve", "--log-level", "d") == {"debug"}
    assert completed("hawkeye-signaling", "--config", "/etc/hawkeye-signaling/conf") == {
        "/etc/hawkeye-signaling/config.yaml",
        "/etc/hawkeye-signaling/conf.d",
    }


def test_autopkgtest_passes(machine: Machine, service: Service) -> None:
    machine.shell(f"{APT} install --no-install-recommends autopkgtest dpkg-dev")
    try:
        code, said = machine.attempt(
            *("autopkgtest", "--no-built-binaries", "/mnt/source/", "--", "null")
        )
        assert code == 0, said
        assert "probe                PASS" in said
    finally:
        machine.shell(f"{APT} purge autopkgtest dpkg-dev; {APT} autoremove --purge")


def test_ufw_knows_the_port(machine: Machine) -> None:
    machine.shell(f"{APT} install --no-install-recommends ufw")
    try:
        said = machine.run("ufw", "app", "info", "Hawkeye signaling")
        assert "8080/tcp" in said
    finally:
        machine.shell(f"{APT} purge ufw; {APT} autoremove --purge")


def test_avahi_announces_the_server_and_follows_the_configuration(service: Service) -> None:
    machine = service.machine
    file = "/etc/avahi/services/hawkeye-signaling.service"
    machine.shell(f"{APT} install --no-install-recommends avahi-daemon")
    try:
        machine.until(lambda: machine.exists(file), 10, "announced after avahi is installed")
        assert "<port>8080</port>" in machine.read(file)
        service.configure("listen: {port: 9000}\n")
        machine.until(lambda: "<port>9000</port>" in machine.read(file), 10, "the new port")
        machine.run("rm", CONFIG)
        machine.until(lambda: "<port>8080</port>" in machine.read(file), 10, "the old port")
        machine.shell(f"{APT} purge hawkeye-signaling")
        assert not machine.exists(file)
    finally:
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
        machine.shell(f"{APT} purge avahi-daemon; {APT} autoremove --purge")


def test_certificate_of_one_command_is_renewed_by_its_timer(service: Service) -> None:
    machine = service.machine
    timer = "hawkeye-signaling-certificate.timer"
    renewal = "hawkeye-signaling-certificate.service"
    files = f"{ETC}/ca.crt {ETC}/server.crt {ETC}/server.key"
    curl = f"curl --silent --fail --cacert {ETC}/ca.crt https://localhost:8080/healthz"
    assert machine.show("ActiveState", timer) == "inactive"
    try:
        said = machine.run("hawkeye-signaling", "new-certificate")
        lines = said[said.index("tls:\n") :].split("\n\n")[0]
        service.configure(lines + "\n")
        assert machine.show("ActiveState", timer) == "active"
        service.systemctl("restart")
        machine.shell(curl)
        code, _ = machine.attempt(
            *("setpriv", "--reuid=hawkeye-signaling", "--clear-groups"),
            *("cat", "/var/lib/hawkeye-signaling-authority/ca.key"),
        )
        assert code != 0

        before = machine.read(f"{ETC}/server.crt")
        machine.run("systemctl", "start", renewal)
        assert machine.read(f"{ETC}/server.crt") == before
        add_address(machine, "192.168.77.7")
        pid = service.pid
        machine.run("systemctl", "start", renewal)
        assert machine.read(f"{ETC}/server.crt") != before
        machine.shell(curl.replace("localhost", "192.168.77.7"))
        assert service.pid == pid  # reloaded
    finally:
        add_address(machine, "0.0.0.0")
        machine.shell(f"systemctl stop {timer}")
        machine.shell(f"rm -rf {files} /var/lib/hawkeye-signaling-authority")
        service.reset()
