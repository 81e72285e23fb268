"""The installed service on a machine, and clients inside the machine that use it."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import Any, Iterator

from .machine import Machine

UNIT = "hawkeye-signaling.service"
ETC = "/etc/hawkeye-signaling"
CONFIG = f"{ETC}/conf.d/50-test.yaml"
MEMORY = "/var/lib/hawkeye-signaling/doors.json"
INSIDE = "/mnt/inside"
PORT = 8080


class Service:
    """hawkeye-signaling on a machine, or an instance of it."""

    def __init__(self, machine: Machine, instance: str = "") -> None:
        self.machine = machine
        self.instance = instance
        self.unit = f"hawkeye-signaling@{instance}.service" if instance else UNIT
        self.etc = f"{ETC}/{instance}" if instance else ETC
        self._drop_in = f"/etc/systemd/system/{self.unit}.d/test.conf"

    # --- what the operator does -------------------------------------------------------------------

    def systemctl(self, verb: str) -> str:
        code, said = self.machine.attempt("systemctl", verb, self.unit)
        assert code == 0, f"{verb}: {said}\n{self.messages()[-3000:]}"
        return said

    def configure(self, yaml: str) -> None:
        self.machine.write(f"{self.etc}/conf.d/50-test.yaml", yaml)

    def drop_in(self, keys: str) -> None:
        """Add keys to the unit's [Service] section; they apply from the next start."""
        self.machine.write(self._drop_in, f"[Service]\n{keys}\n")
        self.machine.run("systemctl", "daemon-reload")

    def signal(self, name: str) -> None:
        self.machine.run("systemctl", "kill", f"--signal={name}", "--kill-whom=main", self.unit)

    def reset(self) -> None:
        """Configure it as after its installation, and start it."""
        m = self.machine
        files = f"{self._drop_in} {CONFIG} {ETC}/*.pem {ETC}/tokens.yaml {MEMORY}"
        m.run("sh", "-c", f"rm -f {files}")
        m.run("systemctl", "daemon-reload")
        m.attempt("systemctl", "stop", UNIT)
        m.attempt("systemctl", "reset-failed", UNIT)
        self.systemctl("start")

    def remove_instance(self) -> None:
        """Stop an instance, and remove all that it has of its own."""
        assert self.instance
        m = self.machine
        m.attempt("systemctl", "disable", "--now", self.unit)
        m.attempt("systemctl", "reset-failed", self.unit)
        state, run = (f"/{place}/hawkeye-signaling/{self.instance}" for place in ("var/lib", "run"))
        m.run("rm", "-rf", self.etc, state, run, f"/etc/systemd/system/{self.unit}.d")
        m.run("systemctl", "daemon-reload")

    # --- what can be seen -------------------------------------------------------------------------

    def show(self, unit_property: str) -> str:
        """A property of the unit, as `systemctl show` gives it."""
        return self.machine.show(unit_property, self.unit)

    @property
    def pid(self) -> int:
        return int(self.show("MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.show("NRestarts"))

    @property
    def status(self) -> str:
        return self.show("StatusText")

    @property
    def active(self) -> bool:
        return self.show("ActiveState") == "active"

    def answers(self, port: int = PORT) -> bool:
        """Whether /healthz on the port answers a new connection within 5 s."""
        ask = (
            "import sys, urllib.request as r;"
            "r.urlopen(f'http://127.0.0.1:{sys.argv[1]}/healthz', timeout=5)"
        )
        return self.machine.attempt("python3", "-I", "-c", ask, str(port))[0] == 0

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The service's journal entries of this boot that match, such as "PRIORITY=3"."""
        self.machine.run("journalctl", "--sync")
        said = self.machine.run(
            *("journalctl", "--boot", f"--unit={self.unit}", "--output=json", "--no-pager"),
            *matches,
        )
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def messages(self) -> str:
        return "\n".join(str(entry["MESSAGE"]) for entry in self.journal())

    # --- clients ----------------------------------------------------------------------------------

    @contextmanager
    def peers(self, room: str, port: int = PORT) -> Iterator[Peers]:
        """A Streaming Node and GCOM that have shaken hands, and reconnect by themselves."""
        script = f"{INSIDE}/peers.py"
        url = f"http://127.0.0.1:{port}"
        with self.machine.start("python3", "-I", script, url, room) as process:
            peers = Peers(process)
            peers.next("handshake")
            yield peers
            said, _ = process.communicate()
            assert process.returncode == 0, said

    @contextmanager
    def knocks(self, seconds: float = 0.005, port: int = PORT) -> Iterator[dict[str, Any]]:
        """Open a connection every so many seconds; the dict gets the counts at the end."""
        script = f"{INSIDE}/knock.py"
        with self.machine.start("python3", "-I", script, str(port), str(seconds)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "knocking\n"
            counts: dict[str, Any] = {}
            yield counts
            said, _ = process.communicate()
            counts.update(json.loads(said))


class Peers:
    """The output of inside/peers.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, event: str) -> dict[str, Any]:
        """Wait for the next event of this name."""
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            said += line
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                if told["event"] == event:
                    return told
        raise AssertionError(f"the peers ended without {event}: {said}")
