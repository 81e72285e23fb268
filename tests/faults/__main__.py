"""Measure how the video fares through faults, and write the tables of docs/recovery.md.

    python -m tests.faults measure RESULTS.json [--clients NAME ...] [--faults NAME ...]
    python -m tests.faults tables RESULTS.json ...

`measure` writes RESULTS.json after each fault, and skips the faults that are already in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.faults import FAULTS, Fault, befall
from faults.stage import CLIENTS, PATIENCE, Outcome

Results = Dict[str, Dict[str, Any]]


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("measure", "tables"))
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.results[0], options.clients, options.faults)
    else:
        results: Results = {}
        for file in options.results:
            for kind, outcomes in json.loads(file.read_text()).items():
                results.setdefault(kind, {}).update(outcomes)
        print(tables(results))


def measure(file: Path, clients: list[str], faults: list[str]) -> None:
    """Let each fault befall each kind of clients."""
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    for kind in clients:
        for fault in faults:
            if fault in results.setdefault(kind, {}):
                continue
            outcome = befall(kind, fault, FAULTS[fault].quiet)
            print(f"{kind} {fault}: {outcome}", flush=True)
            results[kind][fault] = outcome._asdict()
            file.write_text(json.dumps(results, indent=1) + "\n")


def tables(results: Results) -> str:
    """Two tables in Markdown: when the video flowed again, and how long it stopped."""
    return "\n".join(
        [
            "Seconds from when all was in order again to when frames flowed for good:\n",
            *_table(results, _flows_after),
            "\nThe longest time between two frames from the fault on, in seconds:\n",
            *_table(results, _longest_gap),
        ]
    )


def _table(results: Results, cell: Callable[[Fault, Outcome], str]) -> list[str]:
    kinds = [kind for kind in CLIENTS if kind in results]
    lines = [
        "| | " + " | ".join(CLIENTS[kind].title for kind in kinds) + " |",
        "| --- |" + " --- |" * len(kinds),
    ]
    for name, fault in FAULTS.items():
        outcomes = [results[kind].get(name) for kind in kinds]
        cells = [cell(fault, Outcome(**outcome)) if outcome else "" for outcome in outcomes]
        lines.append(f"| {fault.title} | " + " | ".join(cells) + " |")
    return lines


def _flows_after(fault: Fault, outcome: Outcome) -> str:
    if outcome.flows_after is None:
        return "**no video**"
    if not outcome.stopped and not fault.stops:
        return "never stopped"
    return f"{outcome.flows_after if outcome.stopped else outcome.longest_gap:.1f}"


def _longest_gap(fault: Fault, outcome: Outcome) -> str:
    if outcome.flows_after is None:
        return f"more than {PATIENCE:.0f}"
    return f"{outcome.longest_gap:.{1 if outcome.stopped else 2}f}"


if __name__ == "__main__":
    main()
