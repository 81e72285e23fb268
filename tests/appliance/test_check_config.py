"""check-config as root: it finds what the service would find."""

from __future__ import annotations

from typing import Iterator

import pytest

from .machine import Machine
from .service import ETC, Service

CHECK = ("hawkeye-signaling", "check-config")
TOKENS = f"{ETC}/tokens.yaml"


def check(machine: Machine) -> tuple[int, str]:
    """The exit code and the output of check-config, as root."""
    return machine.attempt(*CHECK)


@pytest.fixture
def tokens(service: Service) -> Iterator[Service]:
    """The service with a tokens file that nobody but root may read; it does not require it yet."""
    machine = service.machine
    machine.shell(
        f"hawkeye-signaling new-token --name n | sed -n '/^tokens:/,$p' >{TOKENS};"
        f"chmod 600 {TOKENS}"
    )
    service.configure(f"auth: {{tokens_file: {TOKENS}}}\n")
    yield service
    machine.shell(f"chmod 755 {ETC}/conf.d;rm -rf {TOKENS} {ETC}/conf.d/50-test.yaml /opt/secret")


def test_file_that_only_root_can_read_is_a_mistake_and_the_advice_helps(tokens: Service) -> None:
    machine = tokens.machine
    code, said = check(machine)
    advice = f"chgrp hawkeye-signaling {TOKENS} && chmod g+r {TOKENS}"
    whose = "(root:root, mode 600)"
    assert code == 78
    assert said == f"{TOKENS}: user hawkeye-signaling may not read {TOKENS} {whose}: {advice}"
    machine.shell(advice)
    assert check(machine) == (0, "the configuration is fine")
    tokens.systemctl("restart")
    assert "open to anyone" not in tokens.status


def test_directory_in_the_way_is_named(tokens: Service) -> None:
    machine = tokens.machine
    machine.shell(f"mkdir -m 700 /opt/secret; mv {TOKENS} /opt/secret/; chmod 644 /opt/secret/*")
    tokens.configure("auth: {tokens_file: /opt/secret/tokens.yaml}\n")
    code, said = check(machine)
    advice = "chgrp hawkeye-signaling /opt/secret && chmod g+x /opt/secret"
    assert code == 78
    assert said.endswith(f"may not enter /opt/secret (root:root, mode 700): {advice}")
    machine.shell(advice)
    assert check(machine)[0] == 0
    machine.run("chmod", "700", f"{ETC}/conf.d")
    code, said = check(machine)
    assert code == 78
    assert f"may not read {ETC}/conf.d (root:root, mode 700)" in said


def test_groups_that_an_override_adds_count(tokens: Service) -> None:
    machine = tokens.machine
    machine.shell(f"chgrp adm {TOKENS}; chmod 640 {TOKENS}")
    assert check(machine)[0] == 78
    tokens.drop_in("SupplementaryGroups=adm")
    assert check(machine)[0] == 0
    tokens.systemctl("restart")
    assert tokens.active


@pytest.mark.parametrize("folder", ["/home", "/root", "/run/user", "/tmp", "/var/tmp"])
def test_folder_that_the_sandbox_hides_is_named_by_check_and_service(
    tokens: Service, folder: str
) -> None:
    machine, place = tokens.machine, f"{folder}/operator"
    key = "PrivateTmp" if folder.endswith("tmp") else "ProtectHome"
    mode = machine.run("stat", "--format=%a", folder) if folder != "/run/user" else "755"
    file = f"{place}/tokens.yaml"
    machine.shell(f"mkdir -p {place}; cp {TOKENS} {file}; chmod 644 {file}")
    try:
        if folder == "/root":
            machine.run("chmod", "755", folder)  # what hides it is the sandbox alone
        tokens.configure(f"auth: {{tokens_file: {file}}}\n")
        sentence = f"{file}: the service cannot see files below {folder}: its sandbox ({key}=)"
        code, said = check(machine)
        assert code == 78
        assert said.startswith(sentence)
        machine.run("systemctl", "restart", "--no-block", tokens.unit)
        machine.until(lambda: sentence in tokens.status, 15, sentence)
        tokens.drop_in(f"{key}=no")
        assert check(machine)[0] == 0
        machine.attempt("systemctl", "stop", tokens.unit)  # it may be about to start again
        tokens.systemctl("start")
        assert "open to anyone" not in tokens.status
    finally:
        machine.shell(f"chmod {mode} {folder}; rm -r {place}")


@pytest.mark.parametrize("kind", ["named pipe", "device"])
def test_pipe_or_device_in_conf_d_hangs_nothing(service: Service, kind: str) -> None:
    machine, place = service.machine, f"{ETC}/conf.d/60-odd.yaml"
    pid = service.pid
    make = f"mkfifo {place}" if kind == "named pipe" else f"ln -s /dev/urandom {place}"
    machine.shell(make)
    try:
        code, said = check(machine)
        assert (code, said) == (78, f"{place}: this is a {kind}, not a file: remove it")
        assert machine.attempt("systemctl", "reload", service.unit)[0] != 0
        assert service.status.startswith(f"configuration not reloaded: {place}: this is a {kind}")
        assert service.pid == pid
        assert service.answers()
        machine.run("systemctl", "restart", "--no-block", service.unit)
        said = f"not serving, configuration error: {place}: this is a {kind}"
        machine.until(lambda: service.status.startswith(said), 15, said)
    finally:
        machine.run("rm", place)
    machine.until(lambda: service.active, 5, "the start after the file is gone")


def test_files_that_are_not_read_and_empty_ones_are_warnings(service: Service) -> None:
    machine = service.machine
    files = ("local.yml", "README.local", "50-test.yaml.dpkg-old", "60-cut.yaml")
    for name in files:
        machine.write(f"{ETC}/conf.d/{name}", "")
    machine.write(TOKENS, "")
    warnings = [
        f"{ETC}/conf.d/local.yml is not read: rename it to local.yaml",
        f"{ETC}/conf.d/60-cut.yaml is empty: was it cut short?",
        f"{TOKENS}: no tokens: nobody can connect",
    ]
    try:
        service.configure(f"auth: {{tokens_file: {TOKENS}}}\n")
        code, said = check(machine)
        assert code == 0
        assert said.splitlines() == [
            *(f"warning: {warning}" for warning in warnings),
            "the configuration is fine",
        ]
        service.systemctl("restart")
        machine.until(lambda: warnings[-1] in service.status, 5, "the status")
        for warning in warnings:
            assert warning in service.status
            assert service.messages().count(warning) == 1
    finally:
        machine.run("rm", TOKENS, *(f"{ETC}/conf.d/{name}" for name in files))
