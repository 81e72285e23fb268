"""The faults of a fleet: further rows of docs/recovery.md.

Two hosts and their Redis, each a process on the machine named relay. The Streaming Node knows both
hosts and begins with the first, which therefore serves the room; GCOM begins with the second. Each
fault hits the signaling alone, so the video must never stop. The programs are the Python examples.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import yaml

from faults.network import Network
from faults.programs import PATIENCE, RESTART_SECONDS, ROOT, Program
from faults.stage import CLIENTS as KINDS
from faults.stage import Outcome, Stage

PORTS = {"a": 8080, "b": 8081}
REDIS_ADDRESS = "10.99.0.1"
"""Of the machine, for Redis alone: without it, Redis runs and nobody reaches it."""
REDIS = ("redis-server", "--bind", REDIS_ADDRESS, "--protected-mode", "no", "--save", "")
AWAY = 8.0
"""Seconds: longer than `fleet.patience` and `fleet.lease`, 3 and 4."""
JOINED = " is in room "
QUIET = 3.0
"""Seconds for which frames must flow in the end."""


class FleetStage(Stage):
    """Two hosts, their Redis, a Streaming Node and a GCOM. Use it as a context manager.

    `known`: how many hosts each program knows, its own one first.
    """

    def __init__(self, folder: Path, known: int) -> None:
        super().__init__(KINDS["python"], folder)
        self._folder = folder
        self._known = known

    def __enter__(self) -> FleetStage:
        with self._exits:
            self.network = self._exits.enter_context(Network())
            self.network.add_address("relay", REDIS_ADDRESS)
            self.redis = self.add("relay", *REDIS, "--dir", str(self._folder))
            self.hosts = {name: self._host(name) for name in PORTS}
            self.server = self.hosts["a"]
            ports = [*PORTS.values()]
            self.node = self._example("drone", "streaming-node", "streaming_node.py", ports)
            self.gcom = self._example("ground", "gcom", "gcom.py", ports[::-1], "--frames")
            self._exits = self._exits.pop_all()
        return self

    def _host(self, name: str) -> Program:
        config = {
            "listen": {"host": "0.0.0.0", "port": PORTS[name]},
            "fleet": {"url": f"redis://{REDIS_ADDRESS}", "name": name},
        }
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(config))
        return self.add(
            "relay", sys.executable, "-m", "signaling_server", "serve", "--config", str(file)
        )

    def _example(
        self, machine: str, name: str, file: str, ports: Sequence[int], *options: str
    ) -> Program:
        address = self.network.url(machine).rpartition(":")[0]
        urls = [f"{address}:{port}" for port in ports[: self._known]]
        program = str(ROOT / "docs" / "examples" / file)
        return self.add(machine, sys.executable, program, *options, "--name", name, *urls)

    @property
    def joins(self) -> int:
        """How often a program has entered a room."""
        return self.node.count(JOINED) + self.gcom.count(JOINED)

    def start_server(self) -> None:
        """Start Redis and both hosts, and wait until these know each other."""
        self.redis.start()
        self.redis.wait_for("Ready to accept connections")
        for host in self.hosts.values():
            host.start()
        for host in self.hosts.values():
            host.wait_for("is part of the fleet")


def host_killed(name: str, stage: FleetStage) -> float:
    """A host is killed, and restarted as by systemd."""
    host = stage.hosts[name]
    moves = stage.node if name == "a" else stage.gcom
    starts, joins = host.count("listens on"), moves.count(JOINED)
    host.stop()
    time.sleep(RESTART_SECONDS)
    host.resume()
    host.wait_for("listens on", starts + 1)
    repaired = time.monotonic()
    moves.wait_for(JOINED, joins + 1)
    return repaired


def redis_restarts(stage: FleetStage) -> float:
    """Redis is killed, and at once there again, with nothing in it."""
    return _redis_killed(stage, 0.0)


def redis_killed(stage: FleetStage) -> float:
    """Redis is away for longer than the patience of the hosts."""
    repaired = _redis_killed(stage, AWAY)
    _were_apart(stage)
    return repaired


def _redis_killed(stage: FleetStage, seconds: float) -> float:
    back = {host: host.count("connected to redis") for host in stage.hosts.values()}
    stage.redis.stop()
    time.sleep(seconds)
    stage.redis.resume()
    stage.redis.wait_for("Ready to accept connections", 2)
    repaired = time.monotonic()
    for host, before in back.items():
        host.wait_for("connected to redis", before + 1)
    return repaired


def cut_apart(stage: FleetStage) -> float:
    """No packet passes between the hosts and Redis."""
    stage.network.remove_address("relay", REDIS_ADDRESS)
    time.sleep(AWAY)
    stage.network.add_address("relay", REDIS_ADDRESS)
    repaired = time.monotonic()
    _were_apart(stage)
    return repaired


def _were_apart(stage: FleetStage) -> None:
    """Wait until both hosts, which were alone, are one fleet again, and the peers met there."""
    for host in stage.hosts.values():
        host.wait_for("this host goes on alone")
        host.wait_for("this host is part of the fleet again")
    end = time.monotonic() + PATIENCE
    while stage.joins < 4:  # each once, GCOM alone, and one of them where they meet
        assert time.monotonic() < end, "the peers did not meet again"
        time.sleep(0.1)


class FleetFault(NamedTuple):
    """A row."""

    title: str
    strike: Callable[[FleetStage], float]
    """Returns when all was in order again (monotonic, s)."""
    known: int = 2
    """Hosts that each program knows."""


FLEET_FAULTS = {
    "owner-killed": FleetFault(
        "the host that serves the room is killed", functools.partial(host_killed, "a")
    ),
    "edge-killed": FleetFault("the other host is killed", functools.partial(host_killed, "b")),
    "redis-restarts": FleetFault("Redis restarts, empty", redis_restarts),
    "redis-killed": FleetFault(f"Redis is killed, and back after {AWAY:.0f} s", redis_killed, 1),
    "apart": FleetFault(f"the hosts are cut apart for {AWAY:.0f} s", cut_apart, 1),
}


def befall_fleet(fault: str) -> Outcome:
    """Strike a fleet with a fault, on a stage of its own; the call that plays is the first one."""
    _, strike, known = FLEET_FAULTS[fault]
    with tempfile.TemporaryDirectory() as folder, FleetStage(Path(folder), known) as stage:
        stage.start()
        began = time.monotonic()
        repaired = strike(stage)
        outcome = stage.outcome(began, repaired, QUIET)
        assert stage.node.count("gcom: connecting") == 1, "the node called again"
        return outcome
