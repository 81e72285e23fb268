"""One measurement: fresh servers on core 0, the load generator on core 1, what it reports."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from typing import Sequence

from benchmarks.build import GENERATOR, PAYLOADS
from benchmarks.rows import Phase, Run
from benchmarks.running import running
from benchmarks.servers import Server

TIMEOUT = 180
"""Seconds for all phases of a run."""
SPARE_PERCENT = 95
"""A generator that is busier than that is what is measured."""

_numbers = itertools.count(1)


class InvalidMeasurementError(Exception):
    """A figure that would not tell the truth: signals lost, refused or not acknowledged."""


def measure(server: Server, run: Run) -> Sequence[Phase]:
    """What the run's phases report; a run without any reports `start_ms`.

    Raises DoesNotStartError and InvalidMeasurementError.
    """
    with running(server, run) as (pids, ports, start):
        if not run.phases:
            return [{"start_ms": start}]
        command = [str(GENERATOR), *_options(server, run)]
        command += [word for port in ports for word in ("-P", str(port))]
        command += [word for pid in pids for word in ("-p", str(pid))]
        done = subprocess.run(
            [*command, *run.phases], stdout=-1, stderr=-1, text=True, timeout=TIMEOUT, check=False
        )
    phases = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(phases) != len(run.phases):
        raise InvalidMeasurementError(f"the generator failed: {done.stderr[-500:]}")
    for phase in phases:
        check(phase, done.stderr)
    return phases


def _options(server: Server, run: Run) -> list[str]:
    # A name of its own for each run: its rooms and sessions must not get what waits of another's.
    path = server.path.format(transport="polling" if run.batch else "websocket", n="{n}")
    options = ["-u", path, "-R", f"b{os.getpid()}x{next(_numbers)}", "-f", str(PAYLOADS)]
    given = {
        "-r": server.raw,
        "-a": run.ack,
        "-s": run.session,
        "-i": run.ping,
        "-o": run.to,
        "-t": run.tls,
    }
    options += [option for option, wanted in given.items() if wanted]
    return [*options, "-b", str(run.batch)]


def check(phase: Phase, said: str) -> None:
    """Whether the phase's figures are true; `said`: the generator's standard error.

    Raises InvalidMeasurementError.
    """
    swaps = str(phase["phase"]).startswith("swap")  # how many get in is the figure itself
    wrong = [name for name in ("lost", "acks_missing", "errors") if phase[name] > 0]
    if phase["refused"] and not swaps:
        wrong.append("refused")
    if phase["ready"] < phase["clients"] and not swaps:
        wrong.append("ready")
    if str(phase["phase"]).startswith("sat") and phase["generator_percent"] > SPARE_PERCENT:
        wrong.append("generator_percent")
    if wrong:
        figures = ", ".join(f"{name} {phase[name]:g}" for name in wrong)
        raise InvalidMeasurementError(f"{phase['phase']}: {figures}: {said[:500]}")
