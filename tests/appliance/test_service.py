"""The service under systemd: what it says, what it survives, what it is allowed to do."""

from __future__ import annotations

import json
import time
from typing import Callable

import pytest

from signaling_server.appliance.startup import PATIENCE_SECONDS

from .machine import Machine, host_command
from .service import INSIDE, PORT, UNIT, Service

QUICK_WATCHDOG = "WatchdogSec=3"
"""Shortens the wait of 15 s; the server's own times are unchanged."""


def test_service_is_active_and_enabled_after_the_installation(
    service: Service, record: Callable[..., None]
) -> None:
    show = service.machine.show
    assert service.systemctl("is-active") == "active"
    assert service.systemctl("is-enabled") == "enabled"
    assert show("User") == "hawkeye-signaling"
    assert service.answers()
    microseconds = int(show("ActiveEnterTimestampMonotonic")) - int(
        show("InactiveExitTimestampMonotonic")
    )
    record("start", seconds_to_ready=round(microseconds / 1e6, 2), memory=show("MemoryCurrent"))


def test_status_and_journal_show_a_handshake(service: Service) -> None:
    assert service.status.startswith("no peers; 0 signals")
    with service.peers("drone-1"):
        # An offer, an answer and a candidate.
        line = "2 peers in 1 room: gcom, streaming-node; 3 signals; last"
        service.machine.until(lambda: line in service.status, 5, "the status")
    by_room = service.journal("HAWKEYE_ROOM=drone-1")
    assert by_room
    assert {entry["HAWKEYE_PEER"] for entry in by_room} >= {"gcom", "streaming-node"}
    assert [entry["HAWKEYE_TYPE"] for entry in by_room if "HAWKEYE_TYPE" in entry] == [
        "offer",
        "answer",
        "ice-candidate",
    ]
    assert not service.journal("HAWKEYE_ROOM=drone-2")


def test_reload_applies_a_good_file(service: Service) -> None:
    pid, said = service.pid, "configuration reloaded"
    before = service.messages().count(said)
    service.configure("logging: {level: warning}\n")
    service.systemctl("reload")
    service.machine.until(lambda: service.active, 5, "the end of the reload")
    assert service.pid == pid
    assert service.answers()
    service.configure("logging: {level: debug}\n")
    service.systemctl("reload")
    # Once: the first reload set the level warning, which hides it.
    assert service.messages().count(said) == before + 1


def test_reload_of_a_bad_file_fails_and_changes_nothing(service: Service) -> None:
    pid = service.pid
    service.configure("listen:\n  prot: 9000\n")
    code, _ = service.machine.attempt("systemctl", "reload", UNIT)
    assert code != 0
    place = "/etc/hawkeye-signaling/conf.d/50-test.yaml:2:3: "
    assert service.status.startswith(f"configuration not reloaded: {place}")
    errors = [e["MESSAGE"] for e in service.journal("PRIORITY=3")]
    assert any(place in message for message in errors)
    assert service.active
    assert service.pid == pid
    assert service.answers()
    service.configure("")
    service.systemctl("reload")
    service.machine.until(lambda: service.status.startswith("no peers"), 5, "the status")


def test_reload_names_what_needs_a_restart(service: Service) -> None:
    service.configure("listen: {port: 9000}\n")
    service.systemctl("reload")
    assert any(
        "listen.port" in entry["MESSAGE"] and "restart" in entry["MESSAGE"]
        for entry in service.journal("PRIORITY=4")
    )
    assert service.answers(PORT)


def test_restart_moves_to_the_configured_port(service: Service) -> None:
    service.configure("listen: {port: 9000}\n")
    service.systemctl("restart")
    assert service.answers(9000)
    assert not service.answers(PORT)
    assert service.machine.show("NFileDescriptorStore") == "1"


def test_store_holds_one_socket_after_any_number_of_restarts(service: Service) -> None:
    for _ in range(3):
        service.systemctl("restart")
    assert service.machine.show("NFileDescriptorStore") == "1"


def test_watchdog_restarts_a_hung_process_and_the_clients_reconnect(
    service: Service, record: Callable[..., None]
) -> None:
    # Rarely: 200 a second for 18 s are more than limits.strangers, and what comes after is paced.
    with service.peers("drone-1") as peers, service.knocks(0.05) as knocks:
        service.signal("STOP")
        began = time.monotonic()
        peers.next("handshake")
        seconds = time.monotonic() - began
        assert service.restarts == 1
    assert seconds < 15 + 3 + 1 + 5
    assert "Watchdog timeout" in service.messages()
    assert knocks["refused"] == 0
    record("SIGSTOP until the clients have shaken hands again", seconds=round(seconds, 1), **knocks)


def test_service_killed_under_load_is_back_at_once(
    service: Service, record: Callable[..., None]
) -> None:
    with service.peers("drone-1") as peers, service.knocks() as knocks:
        service.signal("KILL")
        began = time.monotonic()
        peers.next("handshake")
        seconds = time.monotonic() - began
    assert knocks["refused"] == knocks["late"] == 0
    record("SIGKILL until the clients have shaken hands again", seconds=round(seconds, 1), **knocks)


def faulty(service: Service) -> None:
    service.drop_in(
        f"{QUICK_WATCHDOG}\nExecStart=\nExecStart=/usr/bin/python3 -I {INSIDE}/faulty.py"
    )
    service.systemctl("restart")


def test_journal_names_the_line_in_which_the_loop_hung(service: Service) -> None:
    faulty(service)
    service.signal("USR1")
    service.machine.until(lambda: service.restarts == 1 and service.active, 15, "a restart")
    assert "in hang_for_good" in service.messages()
    assert service.answers()


def test_watchdog_restarts_a_server_that_no_longer_accepts(
    service: Service, record: Callable[..., None]
) -> None:
    faulty(service)
    service.signal("USR2")
    # A successful check is good for 8 s; then the watchdog's 3 s, 3 s to abort, 1 s to restart.
    seconds = service.machine.until(
        lambda: service.restarts == 1 and service.active, 8 + 3 + 3 + 1 + 4, "a restart"
    )
    assert "self-check failed" in service.messages()
    assert service.answers()
    record("no longer accepting until active again, WatchdogSec=3", seconds=round(seconds, 1))


def require_tokens_and_tls(service: Service) -> None:
    """Configure tokens and TLS."""
    folder = "/etc/hawkeye-signaling"
    service.machine.shell(
        f"hawkeye-signaling new-token --name gcom | sed -n '/^tokens:/,$p' > {folder}/tokens.yaml"
    )
    certificate, key = self_signed()
    service.machine.write(f"{folder}/certificate.pem", certificate)
    service.machine.write(f"{folder}/key.pem", key)
    service.machine.shell(
        f"cd {folder}; chgrp hawkeye-signaling key.pem tokens.yaml; chmod 640 key.pem tokens.yaml"
    )
    service.configure(
        f"auth: {{tokens_file: {folder}/tokens.yaml}}\n"
        f"tls: {{certificate: {folder}/certificate.pem, private_key: {folder}/key.pem}}\n"
    )


def self_signed() -> tuple[str, str]:
    """A certificate and its key, in PEM."""
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    key_and_certificate = host_command(*openssl.split(), "-subj", "/CN=drone", "-keyout", "-")
    begin = key_and_certificate.index("-----BEGIN CERTIFICATE")
    return key_and_certificate[begin:], key_and_certificate[:begin]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "with TLS and tokens"])
def test_watchdog_does_not_kill_a_server_full_of_connections(
    service: Service, closed: bool
) -> None:
    if closed:
        require_tokens_and_tls(service)
    service.drop_in(f"{QUICK_WATCHDOG}\nLimitNOFILE=1200")
    service.systemctl("restart")
    pid = service.pid
    # Longer than a successful check is good for, plus the watchdog's time.
    opened = service.machine.run("python3", "-I", f"{INSIDE}/storm.py", str(PORT), "2000", "12")
    assert int(opened) >= 2000
    reason = "plain-on-tls-port" if closed else "callers without a CONNECT than limits.strangers"
    assert reason in service.messages()
    assert service.pid == pid
    assert service.restarts == 0
    if not closed:
        with service.peers("drone-1"):
            pass  # it still works


def test_start_with_a_broken_configuration_says_so_and_retries_until_it_is_repaired(
    service: Service, record: Callable[..., None]
) -> None:
    service.configure("limits: {burst: 12:30:45}\n")
    service.machine.run("systemctl", "restart", "--no-block", UNIT)
    place = "/etc/hawkeye-signaling/conf.d/50-test.yaml:1:17: "
    status = f"not serving, configuration error: {place}"
    service.machine.until(lambda: service.status.startswith(status), 5, "the status")
    with service.knocks() as knocks:
        time.sleep(1)
    assert knocks["answered"] == knocks["late"] == knocks["lost"] == 0
    assert knocks["refused"] > 50
    assert service.restarts == 0
    said = [e["MESSAGE"] for e in service.journal("PRIORITY=3") if place in e["MESSAGE"]]
    assert len(said) == 1
    service.machine.until(lambda: service.restarts == 1, PATIENCE_SECONDS + 3, "another try")
    service.configure("limits: {burst: 500}\n")
    seconds = service.machine.until(lambda: service.active, 5, "the repaired service")
    assert service.answers()
    record("file repaired until active", seconds=round(seconds, 2))


def test_sandbox_blocks_every_attempt_to_escape(service: Service) -> None:
    service.machine.run("mkdir", "-p", "/home/operator")
    service.drop_in(f"ExecStartPre=/usr/bin/python3 -I {INSIDE}/escape.py")
    service.systemctl("restart")
    (line,) = [line for line in service.messages().splitlines() if line.startswith("escape: ")]
    assert json.loads(line.partition(" ")[2]) == {"tried": 12, "could": []}


def test_socket_unit_provides_a_port_below_1024(service: Service) -> None:
    machine = service.machine
    unit = "hawkeye-signaling.socket"
    machine.run("systemctl", "stop", UNIT)
    machine.run("cp", f"/usr/share/hawkeye-signaling/examples/{unit}", "/etc/systemd/system/")
    service.configure("listen: {port: 80}\n")
    machine.run("systemctl", "daemon-reload")
    try:
        machine.run("systemctl", "start", unit)
        service.systemctl("start")
        with service.knocks(port=80) as knocks:
            service.systemctl("restart")
        assert service.answers(80)
        assert knocks["refused"] == 0
        told = json.loads(machine.run("cat", "/run/hawkeye-signaling/address.json"))
        assert told["url"] == "http://127.0.0.1:80"
        assert "signaling works" in machine.run("hawkeye-signaling", "probe")
        assert machine.show("NFileDescriptorStore") == "0"
    finally:
        machine.run("systemctl", "stop", unit, UNIT)
        machine.run("rm", f"/etc/systemd/system/{unit}")


def test_unit_file_passes_systemds_verification(machine: Machine) -> None:
    path = machine.show("FragmentPath")
    assert machine.run("systemd-analyze", "verify", "--man=no", path) == ""


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_restart_refuses_connections_only_without_the_store(
    service: Service, store: bool, record: Callable[..., None]
) -> None:
    machine = service.machine

    def watchdog_kill() -> None:
        before = service.restarts
        service.signal("STOP")
        machine.until(lambda: service.restarts > before and service.active, 20, "a restart")

    def crash() -> None:
        before = service.restarts
        service.signal("KILL")
        machine.until(lambda: service.restarts > before and service.active, 20, "a restart")

    def stop_and_start() -> None:
        service.systemctl("stop")
        service.systemctl("start")

    service.drop_in(f"{QUICK_WATCHDOG}\nFileDescriptorStoreMax={1 if store else 0}")
    stop_and_start()
    kinds: dict[str, Callable[[], object]] = {
        "restart": lambda: service.systemctl("restart"),
        "crash": crash,
        "watchdog": watchdog_kill,
        "stop and start": stop_and_start,
    }
    for kind, restart in kinds.items():
        with service.knocks() as knocks:
            restart()
            time.sleep(0.3)  # the new process gets the last knocks
        record(f"{kind}, {'with' if store else 'without'} the store", **knocks)
        assert knocks["answered"] > 0
        if kind != "stop and start":  # systemd 252 empties the store at a stop
            assert (knocks["refused"] == 0) is store
