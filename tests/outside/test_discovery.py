"""A server that Avahi announces is found by avahi-browse, by python-zeroconf, and by the examples.

A drone and a ground station are network namespaces, each with a D-Bus and an Avahi of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import pytest
import yaml

from faults.network import Network
from integration.server import PATIENCE, ROOT, ServerProcess
from signaling_server.cli import announce as announcing

EXAMPLES = ROOT / "docs" / "examples"
DEBIANS_PYTHON = "/usr/bin/python3"
"""It has Debian's python3-zeroconf."""
BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/>
    <allow send_requested_reply="true" send_type="*"/><allow receive_type="*"/>
  </policy>
</busconfig>
"""
AVAHI = """\
[server]
host-name={name}
allow-interfaces=media
use-ipv6=no
[wide-area]
enable-wide-area=no
"""
START = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p "$SERVICES"
mount --bind "$SERVICES" /etc/avahi/services
dbus-daemon --nofork --config-file="$FOLDER/bus.conf" &
while [ ! -S "$FOLDER/bus" ]; do sleep 0.02; done
avahi-daemon --no-drop-root --no-chroot --no-rlimits --file="$FOLDER/avahi.conf" &
wait -n
"""


class Machine:
    """A network namespace with an Avahi whose service files are in `services`."""

    def __init__(self, network: Network, name: str, folder: Path) -> None:
        self.services = folder / "services"
        self._network, self._name, self._folder = network, name, folder
        self._environment = {
            **os.environ,
            "FOLDER": str(folder),
            "SERVICES": str(self.services),
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus",
        }
        folder.mkdir()
        self.services.mkdir()
        (folder / "bus.conf").write_text(BUS.format(socket=folder / "bus"))
        (folder / "avahi.conf").write_text(AVAHI.format(name=name))

    def __enter__(self) -> Machine:
        self._log = (self._folder / "log").open("w")
        self._process = subprocess.Popen(
            self._network.command(self._name, "bash", "-c", START),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.wait_for_log("Server startup complete")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait(PATIENCE)
        self._log.close()

    def wait_for_log(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in (said := (self._folder / "log").read_text()):
            assert time.monotonic() < deadline, said
            assert self._process.poll() is None, said
            time.sleep(0.05)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            self._network.command(self._name, *command),
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Machine]]:
    folder = tmp_path_factory.mktemp("discovery")
    with Network() as network, contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(Machine(network, name, folder / name))
            for name in ("drone", "ground")
        }


@pytest.fixture(scope="module")
def ground(machines: dict[str, Machine]) -> Machine:
    """The ground station, while the drone announces its server."""
    drone = machines["drone"]
    announce(drone, {"listen": {"port": 8081}, "rooms": {"default": "drone-1"}})
    drone.wait_for_log('Service "Hawkeye signaling on drone" (')
    return machines["ground"]


def announce(machine: Machine, config: dict[str, object]) -> str:
    file = machine.services.parent / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    return said_by_announce(file, machine.services / "hawkeye-signaling.service")


def said_by_announce(config: Path, file: Path) -> str:
    command = [sys.executable, "-m", "signaling_server", "announce"]
    command += ["--config", str(config), "--file", str(file)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_avahi_browse_finds_it(ground: Machine) -> None:
    said = ground.run("avahi-browse", "--resolve", "--parsable", "--terminate", "_hawkeye-sig._tcp")
    found = [line.split(";") for line in said.splitlines() if line.startswith("=")]
    assert len(found) == 1
    _, interface, _, name, kind, _, host, address, port, txt = found[0]
    assert (interface, kind, host) == ("media", "_hawkeye-sig._tcp", "drone.local")
    assert name == "Hawkeye\\032signaling\\032on\\032drone"
    assert (address.rpartition(".")[2], port) == ("1", "8081")
    assert {'"tls=0"', '"path=/socket.io"', '"room=drone-1"'} < {*txt.split()}


def test_python_zeroconf_finds_it(ground: Machine) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import discover;"
        "print(*[(s.url.rpartition('.')[2], s.path, s.room) for s in discover.find()])"
    )
    said = ground.run(DEBIANS_PYTHON, "-c", program)
    assert said == "('1:8081', '/socket.io', 'drone-1')\n"


def test_example_discovers_it(ground: Machine) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import discover;"
        "print(discover.server_url('name=gcom'))"
    )
    said = ground.run(DEBIANS_PYTHON, "-c", program)
    assert said.startswith("http://")
    assert said.endswith(".1:8081/?name=gcom\n")


# --- the file -------------------------------------------------------------------------------------


def test_file_is_written_when_it_changes_alone(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yaml", tmp_path / "hawkeye-signaling.service"
    config.write_text("version: 1\n")
    assert said_by_announce(config, file) == f"wrote {file}\n"
    assert said_by_announce(config, file) == ""
    config.write_text("listen: {host: 127.0.0.1}\n")
    assert said_by_announce(config, file).startswith("removed")
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_change_that_comes_while_it_is_written_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, file = tmp_path / "config.yaml", tmp_path / "hawkeye-signaling.service"
    config.write_text("listen: {port: 1001}\n")
    changes = ["listen: {port: 1002}\n", "listen: {port: 10003}\n"]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if changes:
            config.write_text(changes.pop(0))

    monkeypatch.setattr(announcing.time, "sleep", sleep)
    options = argparse.Namespace(config=str(config), file=str(file), settle=True)
    assert announcing.run(options) == 0
    assert "<port>10003</port>" in file.read_text()
    assert slept == [announcing.SETTLE_SECONDS] * 3


def test_file_of_the_operator_stays(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yaml", tmp_path / "hawkeye-signaling.service"
    config.write_text("version: 1\n")
    file.write_text("<service-group/>")
    assert "stays as it is" in said_by_announce(config, file)
    assert file.read_text() == "<service-group/>"


def test_machine_without_avahi_is_left_alone(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("version: 1\n")
    assert "Avahi is not installed" in said_by_announce(config, tmp_path / "no" / "x.service")


def test_server_that_is_found_can_be_used(tmp_path: Path) -> None:
    """The announced path and scheme are those of the running server."""
    config = {"socketio": {"path": "/other"}}
    with ServerProcess(tmp_path, config) as server:
        file = tmp_path / "hawkeye-signaling.service"
        (tmp_path / "config.yaml").write_text(
            yaml.safe_dump({**config, "listen": {"port": server.port}})
        )
        said_by_announce(tmp_path / "config.yaml", file)
        assert f"<port>{server.port}</port>" in file.read_text()
        assert "path=/other" in file.read_text()
