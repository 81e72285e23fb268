"""docs/operations.md, typed into a machine line by line."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import APT
from .machine import ROOT, Machine
from .service import ETC, Service

GUIDE = (ROOT / "docs/operations.md").read_text()
TYPED = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
HTTPS = re.findall(r"^```sh https\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PAIRED = "/var/lib/hawkeye-signaling/paired.yaml"
PAIRING = re.findall(r"^```sh pairing\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
DOOR = re.findall(r"^```sh closing-the-door\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_commands_of_the_guide_work_in_their_order(machine: Machine) -> None:
    machine.shell(f"{APT} purge hawkeye-signaling")
    machine.run("rm", "-f", "/etc/apt/sources.list.d/hawkeye-signaling.sources")
    try:
        for block in TYPED:
            machine.shell(f"export DEBIAN_FRONTEND=noninteractive; {block}")
            if "enable --now hawkeye-signaling.socket" in block:
                assert Service(machine).answers(80)
    finally:
        machine.run("rm", "-rf", "/etc/hawkeye-signaling")
        restore_entry(machine)
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
        machine.shell(f"{APT} purge python3-uvloop")
    assert len(TYPED) >= 10


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 9000, "Address already in use"),
        ("0.0.0.0", 80, "Permission denied"),
        ("10.0.0.5", 8080, "Cannot assign requested address"),
    ],
)
def test_guide_explains_each_reason_why_it_cannot_listen(
    service: Service, host: str, port: int, reason: str
) -> None:
    program = "import socket, sys; s = socket.create_server(('127.0.0.1', 9000)); sys.stdin.read()"
    with service.machine.start("python3", "-I", "-c", program) as other:
        service.configure(f"listen: {{host: {host}, port: {port}}}\n")
        service.machine.run("systemctl", "restart", "--no-block", "hawkeye-signaling")
        said = f"not serving: cannot listen on {host}, port {port}: {reason}"
        service.machine.until(lambda: service.status == said, 5, said)
        other.communicate()
    assert reason in GUIDE


def test_five_steps_of_the_guide_require_tokens_and_tls(service: Service) -> None:
    machine = service.machine
    probe = f"hawkeye-signaling probe --url https://127.0.0.1:8080 --cafile {ETC}/ca.crt"
    try:
        *_, answer = machine.shell("\n".join(DOOR)).splitlines()
        assert len(DOOR) == 5
        assert json.loads(answer).keys() == {"status", "instance"}
        assert "open to anyone" not in service.status
        machine.shell(f"HAWKEYE_TOKEN=$(grep ^hs_ {ETC}/node.token) {probe}")
        code, said = machine.attempt("sh", "-c", probe)
        assert code == 1
        assert "this server requires a token" in said
        pair_a_phone(machine)
        machine.run("truncate", "--size=0", f"{ETC}/conf.d/closed.yaml")
        assert machine.attempt("systemctl", "reload", "hawkeye-signaling")[0] != 0
        assert "this server required tokens" in service.status
        machine.run("systemctl", "restart", "--no-block", "hawkeye-signaling")
        machine.until(lambda: "not serving" in service.status, 5, "the start is refused as well")
    finally:
        files = "*.token ca.crt server.crt server.key conf.d/closed.yaml"
        machine.shell(f"cd {ETC} && rm -f {files} {PAIRED}")
        forget_authority(machine)
        service.reset()


def pair_a_phone(machine: Machine) -> None:
    """Trade the code of a link; the machine has no address of its own for the link."""
    (command,) = PAIRING
    said = machine.shell(f"{command.rstrip()} --url https://localhost:8080")
    link = urlsplit(next(line for line in said.splitlines() if line.startswith("https://")))
    fragment = parse_qs(link.fragment)
    (authority,) = fragment["ca"]
    printed = machine.shell(f"openssl x509 -in {ETC}/ca.crt -noout -fingerprint -sha256")
    assert printed.split("=")[1].replace(":", "").lower() == authority
    body = json.dumps({"code": fragment["pair"][0]})
    curl = f"curl --silent --cacert {ETC}/ca.crt"
    trade = f"{curl} --data '{body}' https://localhost:8080/api/pair"
    assert json.loads(machine.shell(trade))["name"] == "gcom"
    assert "was used" in json.loads(machine.shell(trade))["error"]
    assert 'name: "gcom"' in machine.run("cat", PAIRED)


def test_two_steps_of_the_guide_turn_https_on(service: Service) -> None:
    machine = service.machine
    try:
        assert len(HTTPS) == 1
        machine.shell(HTTPS[0])
        curl = f"curl --silent --fail --cacert {ETC}/ca.crt"
        assert "ok" in machine.shell(f"{curl} https://localhost:8080/healthz")
    finally:
        machine.shell(f"cd {ETC} && rm -f ca.crt server.crt server.key conf.d/tls.yaml")
        forget_authority(machine)
        service.reset()


def forget_authority(machine: Machine) -> None:
    machine.shell("systemctl stop hawkeye-signaling-certificate.timer")
    machine.shell("rm -rf /var/lib/hawkeye-signaling-authority")


def test_stick_can_be_pulled_after_the_installation(machine: Machine) -> None:
    install = next(block for block in TYPED if "hawkeye-signaling.sources /etc/apt" in block)
    entry = "/etc/apt/sources.list.d/hawkeye-signaling.sources"
    pulled = "mount -t tmpfs tmpfs /media/hawkeye"
    try:
        machine.shell(f"export DEBIAN_FRONTEND=noninteractive; {install}")
        machine.shell(pulled)
        machine.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
        machine.run("umount", "/media/hawkeye")
        machine.shell(f"cp /media/hawkeye/hawkeye-signaling.sources {entry}; {pulled}")
        assert machine.attempt("apt-get", "update")[0] != 0, "this is why the entry is removed"
    finally:
        machine.attempt("umount", "/media/hawkeye")
        restore_entry(machine)


def restore_entry(machine: Machine) -> None:
    """The entry of the repository, as the other tests need it."""
    machine.shell("cp /media/hawkeye/hawkeye-signaling.sources /etc/apt/sources.list.d/")
    machine.run("apt-get", "update")
