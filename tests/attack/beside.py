"""A good pair beside an attack, each in a process of its own, and one on a server at peace."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Awaitable, Callable, Mapping

from integration.server import ROOT, ServerProcess

QUIET: Mapping[str, Any] = {"logging": {"level": "warning"}}
SETTLED = 0.3
"""Seconds for which the pair exchanges signals before the attack, and after it."""

Attack = Callable[[int], Awaitable[Any]]
"""Something bad that is done to the server at a port."""


def attack_beside_a_pair(
    what: str, attack: Attack, config: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """Attack a server; no signal of the pair may be lost. Prints and returns the pair's figures.

    The p99 is printed beside that of a pair on a server that nobody attacks, and not asserted: it
    says as much about what else the machine does.
    """
    return asyncio.run(_scene(what, attack, {**QUIET, **(config or {})}))


async def _scene(what: str, attack: Attack, config: Mapping[str, Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        quiet = "--log-level", "info"  # the line with the URL is INFO
        with ServerProcess(Path(one), config, *quiet) as server, ServerProcess(
            Path(other), config, *quiet
        ) as control:
            pair = await _start_pair(server.port, control.port)
            await asyncio.sleep(SETTLED)
            await attack(server.port)
            await asyncio.sleep(SETTLED)
            output, _ = await asyncio.wait_for(pair.communicate(b""), 120)
    good, at_peace = json.loads(output)
    print(
        f"\n{what}: {good['sent']} signals of the pair, lost: {good['lost']}, p99"
        f" {good['p99']:.0f} ms, longest {good['max']:.0f} ms;"
        f" p99 on a server at peace {at_peace['p99']:.0f} ms"
    )
    assert good["lost"] == at_peace["lost"] == 0
    return dict(good)


async def _start_pair(*ports: int) -> asyncio.subprocess.Process:
    pair = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "attack.good_pair", *map(str, ports)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT}"},
    )
    assert pair.stdout is not None
    assert await asyncio.wait_for(pair.stdout.readline(), 30) == b"ready\n"
    return pair
