"""What insight costs: CPU of a server process per relayed signal, with insight and without.

    PYTHONPATH=tests python -m benchmarks.insight_cost [ROUNDS]

Two servers take turns; the figure is the ratio of their medians. Of a flood insight reads 1,024
signals at once and 50 a second after that, so that a short one costs more for each signal than a
long one; at a rate that negotiations have, each is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, AsyncIterator, Sequence

import aiohttp

from integration.server import ROOT, write_config
from sdps import candidate, sdp

WITHOUT = """
import sys
from signaling_server import instruments
from signaling_server.core.insight.insight import Insight

whole = instruments.merge
instruments.merge = lambda *all: whole(*(one for one in all if not isinstance(one, Insight)))
from signaling_server.__main__ import main
sys.exit(main())
"""
"""A server whose facts insight never hears."""
FLOOD = 60_000
LONG_FLOOD = 200_000
WINDOW = 32
PACED = 200
"""Signals at PACE a second: below what insight reads of a flood."""
PACE = 40
ROWS = (
    ("short flood", FLOOD, 0.0),
    ("long flood", LONG_FLOOD, 0.0),
    ("paced", PACED, PACE),
)


def cpu(pid: int) -> float:
    """Seconds of CPU that all threads of a process have used."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def negotiation() -> list[str]:
    """The frames of a negotiation: offer, answer, and candidates."""
    lines: list[tuple[str, Any]] = [("offer", {"type": "offer", "sdp": sdp()})]
    lines.append(("answer", {"type": "answer", "sdp": sdp(setup="active")}))
    lines += [
        ("ice-candidate", {"candidate": candidate(f"10.0.0.{number}"), "sdpMid": "0"})
        for number in range(1, 24)
    ]
    return [
        '42["signal",' + json.dumps({"type": kind, "data": data}, separators=(",", ":")) + "]"
        for kind, data in lines
    ]


@contextlib.contextmanager
def server(folder: Path, command: Sequence[str]) -> Any:
    """A server process and its URL."""
    limits = {"messages_per_second": 1_000_000, "burst": 1_000_000}
    limits = {**limits, "bytes_per_second": 0}
    file = write_config(folder, {"limits": limits})
    arguments = ["serve", "--config", str(file)]
    process = subprocess.Popen(
        [sys.executable, *command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if " listens on " in line:
                break
        yield process, line.split(" listens on ")[1].split()[0].rstrip(",;")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextlib.asynccontextmanager
async def pair(url: str) -> AsyncIterator[tuple[Any, Any]]:
    """Two clients in a room of their own."""
    async with aiohttp.ClientSession() as session:
        sockets = []
        for name in ("streaming-node", "gcom"):
            query = f"EIO=4&transport=websocket&name={name}&role={name}"
            socket = await session.ws_connect(f"{url}/socket.io/?{query}")
            await socket.receive_str()
            await socket.send_str("40")
            while not (await socket.receive_str()).startswith('42["welcome"'):
                pass
            sockets.append(socket)
        yield sockets[0], sockets[1]


async def relay(url: str, pid: int, count: int, pace: float) -> float:
    """CPU of the server per signal, in microseconds; `pace` 0: as fast as it goes."""
    frames, got = negotiation(), 0
    async with pair(url) as (sender, receiver):
        await asyncio.sleep(0.5)
        before, began = cpu(pid), time.monotonic()
        for number in range(count):
            await sender.send_str(frames[number % len(frames)])
            if pace:
                await asyncio.sleep(max(0.0, began + number / pace - time.monotonic()))
            while number - got >= WINDOW:
                got += (await receiver.receive_str()).startswith('42["signal"')
        while got < count:
            got += (await receiver.receive_str()).startswith('42["signal"')
        await asyncio.sleep(0.5)  # what was put aside is read
        return (cpu(pid) - before) / count * 1e6


async def main(rounds: int) -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        commands = {"with": ["-m", "signaling_server"], "without": ["-c", WITHOUT]}
        folders = {"with": Path(one), "without": Path(other)}
        with contextlib.ExitStack() as running:
            made = {
                name: running.enter_context(server(folders[name], command))
                for name, command in commands.items()
            }
            for process, _ in made.values():  # its log is read, so that it never waits for us
                threading.Thread(target=process.stderr.read, daemon=True).start()
            for title, count, pace in ROWS:
                found: dict[str, list[float]] = {name: [] for name in made}
                for _ in range(rounds):
                    for name, (process, url) in made.items():
                        found[name].append(await relay(url, process.pid, count, pace))
                medians = {name: statistics.median(each) for name, each in found.items()}
                ranges = {
                    name: f"{min(each):.1f} to {max(each):.1f}" for name, each in found.items()
                }
                ratio = medians["with"] / medians["without"]
                print(title, medians, ranges, f"x {ratio:.3f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
