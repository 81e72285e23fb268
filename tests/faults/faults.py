"""The faults: the rows of docs/recovery.md. Those of a fleet are in fleet_faults.py.

Each one starts a stage, strikes, and ends with all programs running and all links up (again). It
returns when it struck, and when it was repaired (monotonic, s).
"""

from __future__ import annotations

import functools
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Callable, NamedTuple, Sequence, Tuple

from faults.network import RADIO, SIGNALING
from faults.programs import RESTART_SECONDS, Program
from faults.stage import CLIENTS, Outcome, Stage

QUIET = 5.0
"""Seconds for which frames must flow before the video counts as back."""
LONG_QUIET = 20.0
"""The same after a cut: clients may notice a ping timeout, and react to it, late."""
RANDOM_SECONDS = 180
SEED = 4

Times = Tuple[float, float]


class Fault(NamedTuple):
    """A row."""

    title: str
    strike: Callable[[Stage], Times]
    quiet: float = QUIET
    stops: bool = True
    """Whether the fault excuses video that stops."""


def gcom_first(stage: Stage) -> Times:
    """GCOM waits, the node joins."""
    stage.start_server()
    stage.gcom.start()
    stage.await_join()
    began = stage.node.start()
    return began, began


def node_first(stage: Stage) -> Times:
    """The node waits, GCOM joins."""
    stage.start_server()
    stage.node.start()
    stage.await_join()
    began = stage.gcom.start()
    return began, began


def restart(pick: Callable[[Stage], Sequence[Program]], stage: Stage) -> Times:
    """Programs are killed and started again at once."""
    stage.start()
    return _restart(pick(stage))


def server_restarts(stage: Stage) -> Times:
    """The server restarts as by `systemctl restart`."""
    stage.start()
    began = time.monotonic()
    stage.server.stop(signal.SIGTERM)
    stage.server.resume()
    stage.server.wait_for("listens on", 2)
    return began, time.monotonic()


def server_killed(stage: Stage) -> Times:
    """The server is killed, and restarted as by systemd."""
    stage.start()
    return _kill_server(stage)


def cut(links: Sequence[str], seconds: float, stage: Stage) -> Times:
    """Links are down for a while."""
    stage.start()
    return _cut(stage, links, seconds)


def silence(seconds: float, stage: Stage) -> Times:
    """All packets by radio vanish for a while, without any link going down."""
    stage.start()
    network = stage.network
    return _for_a_while(seconds, lambda: network.silence(RADIO), lambda: network.unsilence(RADIO))


def half_open(stage: Stage) -> Times:
    """The node loses power and returns with other addresses: nothing ends its old connection."""
    stage.start()
    began = time.monotonic()
    stage.network.cut(RADIO)
    stage.node.stop()
    stage.network.renumber("drone", RADIO)
    stage.network.restore(RADIO)
    return began, stage.node.resume()


def gcom_sleeps(seconds: float, stage: Stage) -> Times:
    """GCOM's laptop is asleep for a while, with all its connections open."""
    stage.start()
    gcom = stage.gcom
    return _for_a_while(
        seconds, lambda: gcom.send(signal.SIGSTOP), lambda: gcom.send(signal.SIGCONT)
    )


def duplicate_name(stage: Stage) -> Times:
    """A second node with the name of the first joins, and stays."""
    stage.start()
    second = stage.add_node()
    began = second.start()
    return began, began


def at_random(seconds: float, seed: int, stage: Stage) -> Times:
    """One fault after the other, 1 to 3 seconds apart."""
    stage.start()
    dice = random.Random(seed)
    faults: Sequence[Callable[[], Times]] = (
        lambda: _restart([stage.node]),
        lambda: _restart([stage.gcom]),
        lambda: _restart([stage.node, stage.gcom]),
        lambda: _kill_server(stage),
        lambda: _cut(stage, RADIO, dice.uniform(0.2, 8)),
        lambda: _cut(stage, SIGNALING, dice.uniform(0.2, 8)),
        lambda: _cut(stage, ["ground-relay"], dice.uniform(0.2, 8)),
    )
    began = time.monotonic()
    while True:
        _, repaired = dice.choice(faults)()
        if repaired - began > seconds:
            return began, repaired
        time.sleep(dice.uniform(1, 3))


def _restart(programs: Sequence[Program]) -> Times:
    began = time.monotonic()
    for program in programs:
        program.stop()
    return began, max(program.resume() for program in programs)


def _kill_server(stage: Stage) -> Times:
    began = time.monotonic()
    starts = stage.server.count("listens on")
    stage.server.stop()
    time.sleep(RESTART_SECONDS)
    stage.server.resume()
    stage.server.wait_for("listens on", starts + 1)
    return began, time.monotonic()


def _cut(stage: Stage, links: Sequence[str], seconds: float) -> Times:
    network = stage.network
    return _for_a_while(seconds, lambda: network.cut(links), lambda: network.restore(links))


def _for_a_while(seconds: float, strike: Callable[[], None], repair: Callable[[], None]) -> Times:
    began = time.monotonic()
    strike()
    time.sleep(seconds)
    repair()
    return began, time.monotonic()


def _dropout(seconds: float) -> Fault:
    strike = functools.partial(cut, RADIO, seconds)
    return Fault(f"the radio link is down for {seconds} s", strike, LONG_QUIET)


def _silence(seconds: float) -> Fault:
    strike = functools.partial(silence, seconds)
    return Fault(f"all packets by radio vanish for {seconds} s", strike, LONG_QUIET)


def _blip(seconds: float) -> Fault:
    strike = functools.partial(cut, SIGNALING, seconds)
    return Fault(f"signaling alone is cut for {seconds} s", strike, LONG_QUIET, stops=False)


FAULTS = {
    "gcom-first": Fault("GCOM first, then the node", gcom_first),
    "node-first": Fault("the node first, then GCOM", node_first),
    "node-restarts": Fault(
        "the node restarts", functools.partial(restart, lambda stage: [stage.node])
    ),
    "gcom-restarts": Fault("GCOM restarts", functools.partial(restart, lambda stage: [stage.gcom])),
    "both-restart": Fault(
        "both restart", functools.partial(restart, lambda stage: [stage.node, stage.gcom])
    ),
    "server-restarts": Fault("the server restarts (SIGTERM)", server_restarts, stops=False),
    "server-killed": Fault("the server is killed (SIGKILL)", server_killed, stops=False),
    "dropout-1": _dropout(1),
    "dropout-5": _dropout(5),
    "dropout-15": _dropout(15),
    "dropout-40": _dropout(40),
    "silence-15": _silence(15),
    "silence-40": _silence(40),
    "signaling-1": _blip(1),
    "signaling-5": _blip(5),
    "signaling-15": _blip(15),
    "signaling-40": _blip(40),
    "half-open": Fault("the node loses power, and nothing tells the server", half_open),
    "gcom-sleeps": Fault(
        "GCOM sleeps for 15 s", functools.partial(gcom_sleeps, 15), quiet=LONG_QUIET
    ),
    "duplicate-name": Fault("a second node has the same name", duplicate_name, quiet=15),
    "random": Fault(
        f"faults at random for {RANDOM_SECONDS} s",
        functools.partial(at_random, RANDOM_SECONDS, SEED),
        quiet=LONG_QUIET,
    ),
}


def befall(kind: str, fault: str, quiet: float) -> Outcome:
    """Strike clients with a fault, on a stage of its own."""
    with tempfile.TemporaryDirectory() as folder, Stage(CLIENTS[kind], Path(folder)) as stage:
        return stage.outcome(*FAULTS[fault].strike(stage), quiet)
