"""make bench: what a relayed signal costs, beside Node's socket.io and others, in one run.

Server on core 0, load on core 1; servers take turns; medians of the repeats, with least and most.
Needs gcc, node and npm. Writes build/bench/results.json, and docs/images/cost.svg with --plot.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Iterator, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "bench"
SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"
CONFIG = """\
version: 1
listen: {host: "127.0.0.1"}
# As shipped, but for the limits that a benchmark is made to exceed.
limits: {messages_per_second: 1000000, burst: 1000000, connections: 12000}
rooms: {max_rooms: 6000}
"""
GROWING = ("node socket.io", "ours", "raw aiohttp")
"""Those whose cost by number of pairs is measured."""
WITHOUT = (
    "import sys; sys.modules.update(dict.fromkeys({names!r})); "
    "from signaling_server.cli.main import main; sys.exit(main({args!r}))"
)


class Server(NamedTuple):
    """One that is measured. `command` gets {port}; `mode` and `path` are of the generator."""

    command: list[str]
    mode: str = "sio"
    path: str = SOCKET_IO


def ours(python: str, config: Path, without: tuple[str, ...] = ()) -> list[str]:
    """Our server, on a Python, without some of its optional libraries."""
    arguments = ["serve", "--config", str(config), "--port", "{port}"]
    if without:
        return [python, "-c", WITHOUT.format(names=without, args=arguments)]
    return [python, "-m", "signaling_server", *arguments]


def servers(debian: str | None) -> dict[str, Server]:
    """All that are measured, by the name they have in the table."""
    config, slow = BUILD / "config.yaml", BUILD / "slow.yaml"
    config.write_text(CONFIG)
    slow.write_text(CONFIG + "socketio: {fast_path: false}\n")
    here = sys.executable
    found = {
        "node socket.io": Server(["node", str(BUILD / "node_relay.js"), "{port}"]),
        "ours": Server(ours(here, config)),
        "ours, json": Server(ours(here, config, ("orjson",))),
        "ours, asyncio + json": Server(ours(here, config, ("orjson", "uvloop"))),
        "ours, ordinary path": Server(ours(here, slow)),
        "raw aiohttp": Server([here, str(HERE / "raw_relay.py"), "{port}"], "raw", "/?"),
        "plain python-socketio": Server([here, str(HERE / "plain_relay.py"), "{port}"]),
    }
    if debian:
        found["ours, Debian 12's stack"] = Server(ours(debian, config, ("orjson",)))
    return found


@contextmanager
def running(server: Server) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """A server on core 0: its process, port, and the milliseconds from exec to answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [part.replace("{port}", str(port)) for part in server.command]
    started = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                if process.poll() is not None or time.monotonic() > started + 20:
                    raise SystemExit(f"does not start: {' '.join(command)}") from None
                time.sleep(0.0005)
        yield process, port, (time.monotonic() - started) * 1000
    finally:
        process.kill()
        process.wait()


def load(server: Server, clients: int, *phases: str, rooms: bool = False) -> dict[str, Any]:
    """Run the generator on core 1 against a fresh server; its phases by kind."""
    with running(server) as (process, port, start):
        command = ["taskset", "-c", "1", str(BUILD / "gen"), "-P", str(port), "-u", server.path]
        command += ["-n", str(clients), "-m", server.mode, "-p", str(process.pid)]
        command += ["-f", str(BUILD / "payloads.txt"), *(["-r"] if rooms else []), *phases]
        switches = _switches(process.pid)
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        found = {result["phase"].partition(":")[0]: result for result in results}
        found["start_ms"] = start
        found["switches"] = _switches(process.pid) - switches
        if any(result.get("lost") for result in results):
            raise SystemExit(f"signals were lost: {done.stdout}")
        return found


def _switches(pid: int) -> int:
    """How often the process went to sleep so far: each is a wake-up later."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


def measure(server: Server, quick: bool) -> dict[str, float]:
    """One round of figures for a server."""
    seconds = 1 if quick else 2
    pair = load(server, 2, "sat:32:1", f"sat:32:{seconds}", f"pace:200:{seconds}")
    thousand = load(server, 1000, rooms=True)
    figures = {
        "cpu saturated, us": pair["sat"]["cpu_us_per_msg"],
        "signals a second": pair["sat"]["per_s"],
        "cpu at 200/s, us": pair["pace"]["cpu_us_per_msg"],
        "latency p50, us": pair["pace"]["lat_p50_us"],
        "latency p99, us": pair["pace"]["lat_p99_us"],
        "start, ms": pair["start_ms"],
        "memory idle, KiB": pair["connect"]["rss_kb"],
        "memory 1000 clients, KiB": thousand["connect"]["rss_kb"],
        "storm of 1000, s": thousand["connect"]["secs"],
    }
    return {name: float(value) for name, value in figures.items()}


def growth(server: Server, quick: bool) -> dict[str, float]:
    """CPU microseconds a signal, by number of pairs; 32 signals are under way in all.

    With one pair many of the 32 come in one read and leave in one write. With many pairs each comes
    alone, as it does with one pair when only one is under way.
    """

    def cpu(pairs: int, under_way: int = 32) -> float:
        phases = f"sat:{under_way}:1", f"sat:{under_way}:2"
        return float(load(server, 2 * pairs, *phases, rooms=True)["sat"]["cpu_us_per_msg"])

    found = {"1": cpu(1), "1, one at a time": cpu(1, under_way=1), "100": cpu(100)}
    return found if quick else {**found, "1000": cpu(1000), "5000": cpu(5000)}


def idle(server: Server, quick: bool) -> tuple[float, float]:
    """Percent of a core, and wake-ups a second, with two clients that say nothing."""
    seconds = 3 if quick else 20
    found = load(server, 2, "idle:1", f"idle:{seconds}")
    return found["idle"]["srv_cpu_pct"], found["switches"] / (seconds + 1)


def build() -> None:
    """The generator, its payloads, and Node's socket.io by its lock file."""
    BUILD.mkdir(parents=True, exist_ok=True)
    gen = ["gcc", "-O2", "-w", "-o", str(BUILD / "gen"), str(HERE / "gen.c"), "-lz"]
    subprocess.run(gen, check=True)
    subprocess.run([sys.executable, str(HERE / "payloads.py")], cwd=BUILD, check=True, stdout=-3)
    for name in ("package.json", "package-lock.json", "node_relay.js"):
        (BUILD / name).write_bytes((HERE / name).read_bytes())
    subprocess.run(["npm", "ci", "--silent"], cwd=BUILD, check=True)


def table(rounds: dict[str, list[dict[str, float]]]) -> str:
    """Medians with min-max, and the ratio to Node's of the same run."""
    lines = []
    reference = rounds["node socket.io"]
    for figure in reference[0]:
        lines.append(f"\n{figure}\n" + "-" * len(figure))
        node = median(one[figure] for one in reference)
        for name, results in rounds.items():
            values = [one[figure] for one in results]
            middle, spread = median(values), f"{min(values):.5g} - {max(values):.5g}"
            lines.append(f"{name:26} {middle:10.5g}  ({spread:>19})  x {middle / node:.2f}")
    return "\n".join(lines)


def plot(rounds: dict[str, list[dict[str, float]]]) -> str:
    """The CPU cost of a signal as a bar chart in SVG."""
    figure = "cpu saturated, us"
    bars = {name: median(one[figure] for one in results) for name, results in rounds.items()}
    most = max(bars.values())
    rows = []
    for row, (name, value) in enumerate(sorted(bars.items(), key=lambda bar: bar[1])):
        y, width = 34 + 26 * row, 380 * value / most
        colour = "#0a6" if name.startswith("ours") else "#888"
        rows.append(
            f'<text x="190" y="{y + 14}" text-anchor="end">{name}</text>'
            f'<rect x="200" y="{y}" width="{width:.0f}" height="18" fill="{colour}"/>'
            f'<text x="{206 + width:.0f}" y="{y + 14}">{value:.1f}</text>'
        )
    height = 44 + 26 * len(bars)
    title = "CPU microseconds for a relayed signal, one pair, saturated (less is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {height}" '
        'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="10" y="20">{title}</text>{"".join(rows)}</svg>\n'
    )


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a look, not figures to quote")
    parser.add_argument("--plot", action="store_true", help="write docs/images/cost.svg")
    parser.add_argument("--only", metavar="TEXT", default="", help="only servers whose name has it")
    parser.add_argument(
        "--debian", metavar="PYTHON", help="a Python with Debian 12's aiohttp 3.8.4 and uvloop 0.17"
    )
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    build()
    found = servers(options.debian)
    found = {n: s for n, s in found.items() if options.only in n or n == "node socket.io"}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in found}
    for _ in range(options.repeats):
        for name, server in found.items():
            rounds[name].append(measure(server, options.quick))
    print(CONFIG + table(rounds))
    print("\ncpu us a signal by pairs\n" + "-" * 24)
    grown = {n: growth(found[n], options.quick) for n in GROWING if n in found}
    for name, by_pairs in grown.items():
        print(f"{name:26}", "  ".join(f"{pairs}: {us:.1f}" for pairs, us in by_pairs.items()))
    percent, wakeups = idle(found["ours"], options.quick)
    print(f"ours, idle with 2 clients: {percent:.3f} % of a core, {wakeups:.1f} wake-ups a second")
    results = {"rounds": rounds, "growth": grown, "idle": [percent, wakeups]}
    (BUILD / "results.json").write_text(json.dumps(results, indent=1))
    if options.plot:
        (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
        (ROOT / "docs" / "images" / "cost.svg").write_text(plot(rounds))


if __name__ == "__main__":
    main()
