"""make bench: what a signal, a client and a start cost, beside Node's socket.io, in one run.

Servers on core 0, load on core 1; columns take turns; medians of the rounds, with least and most.
Prints a table in Markdown; writes build/bench/results.json, and docs/images/cost.svg with --plot.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Mapping, Sequence

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.build import BUILD, ROOT, build, debian_12, system_python
from benchmarks.measure import InvalidMeasurementError, measure
from benchmarks.report import chart, table
from benchmarks.results import Results
from benchmarks.rows import NODE, QUICK, Row, Run, rows, scaled
from benchmarks.running import DoesNotStartError, running
from benchmarks.servers import ROOM, Server, servers


def main() -> int:
    """Measure what the options ask for; 1 if something could not be measured."""
    options = _options()
    wanted = _chosen(rows(QUICK if options.quick else scaled(ROOM)), options.rows)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # the servers inherit it
    os.sched_setaffinity(0, {1})  # and so does the generator
    build(any(row.run.fleet for row in wanted))
    columns = _columns(options)
    results = _measured(wanted, columns, 1 if options.quick else options.repeats)
    used = [name for name in columns if any(name in row for row in results.rows.values())]
    print(table(wanted, used, results.rows))
    print(*results.remarks(), sep="\n")
    (BUILD / "results.json").write_text(json.dumps(asdict(results), indent=1))
    if options.plot:
        (ROOT / "docs/images/cost.svg").write_text(chart(wanted, used, results.rows))
    return bool(results.failures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", default="", help="names, as in ack,session; default: all")
    parser.add_argument(
        "--base", type=Path, action="append", default=[], metavar="DIR", help="another checkout"
    )
    parser.add_argument(
        "--columns", default="", help="only columns named a or b, or else with a, b in it"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="whether it works: no figures to quote"
    )
    parser.add_argument("--plot", action="store_true", help="write docs/images/cost.svg")
    return parser.parse_args()


def _chosen(all_rows: list[Row], names: str) -> list[Row]:
    chosen = names.split(",") if names else [row.name for row in all_rows]
    unknown = set(chosen) - {row.name for row in all_rows}
    if unknown:
        known = ",".join(row.name for row in all_rows)
        raise SystemExit(f"unknown rows: {','.join(unknown)}; there are {known}")
    return [row for row in all_rows if row.name in chosen]


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, stdout=-1, text=True, check=True).stdout.strip()


def _version(python: str) -> str:
    return subprocess.run([python, "--version"], stdout=-1, text=True, check=True).stdout.strip()


def _columns(options: argparse.Namespace) -> dict[str, Server]:
    """Those that are wanted, Node's and bases always; started once, for the byte code."""
    system, debian = system_python(), debian_12()
    kind = "the distribution's" if system else "of the tests: the distribution has none for it"
    print(f"Ours runs on {_version(str(system or sys.executable))}, {kind}.\n")
    if not debian:
        print("no python3.11: no column of Debian 12's stack", file=sys.stderr)
    bases = {f"base {_commit(base)}": base.resolve() for base in options.base}
    parts, always = options.columns.split(","), {NODE, *bases}
    found = servers(bases, system, debian)
    found = {
        name: server
        for name, server in found.items()
        if name in always or any(part == name if part in found else part in name for part in parts)
    }
    for server in found.values():
        with running(server, Run()):
            pass
    return found


def _measured(wanted: Sequence[Row], columns: Mapping[str, Server], repeats: int) -> Results:
    """Run by run, round by round, the servers in turns: what is compared is measured together."""
    results = Results()
    for run in dict.fromkeys(row.run for row in wanted):
        sharing = [row for row in wanted if row.run == run]
        print(f"... {', '.join(row.name for row in sharing)}", file=sys.stderr)
        for _ in range(repeats * run.samples):
            for name, server in columns.items():
                doing = [row for row in sharing if server.does(row)]
                if doing:
                    _add(results, doing, name, server)
    return results


def _add(results: Results, doing: Sequence[Row], name: str, server: Server) -> None:
    """One measurement, for the rows that share it."""
    results.expect(doing, name)
    try:
        results.add(doing, name, measure(server, doing[0].run))
    except (InvalidMeasurementError, DoesNotStartError, subprocess.TimeoutExpired) as error:
        results.failures.append(f"failed: {doing[0].name}, {name}: {error}")


if __name__ == "__main__":
    sys.exit(main())
