"""Measure how the video fares through faults, and write the tables of docs/recovery.md.

    python -m tests.faults measure RESULTS.json [--clients NAME ...] [--faults NAME ...]
    python -m tests.faults fleet RESULTS.json
    python -m tests.faults tables RESULTS.json ...

`measure` writes RESULTS.json after each fault, and skips the faults that are already in it. So does
`fleet`, which measures the faults of a fleet.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.faults import FAULTS, befall
from faults.fleet_faults import FLEET_FAULTS, befall_fleet
from faults.stage import CLIENTS, PATIENCE, Outcome

FLEET = "fleet"
"""Where the results of a fleet are, beside those of the kinds of clients."""
Results = Dict[str, Dict[str, Any]]


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("measure", "fleet", "tables"))
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.results[0], options.clients, options.faults)
    elif options.command == "fleet":
        measure_fleet(options.results[0])
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


def measure_fleet(file: Path) -> None:
    """Let each fault befall a fleet."""
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    for fault in FLEET_FAULTS:
        if fault not in results.setdefault(FLEET, {}):
            outcome = befall_fleet(fault)
            print(f"{FLEET} {fault}: {outcome}", flush=True)
            results[FLEET][fault] = outcome._asdict()
            file.write_text(json.dumps(results, indent=1) + "\n")


def tables(results: Results) -> str:
    """Two tables in Markdown: when the video flowed again, and how long it stopped."""
    return "\n".join(
        [
            "Seconds from when all was in order again to when frames flowed for good:\n",
            *_table(results, _flows_after),
            "\nThe longest time between two frames from the fault on, in seconds:\n",
            *_table(results, _longest_gap),
            *(_fleet_table(results[FLEET]) if FLEET in results else ()),
        ]
    )


def _fleet_table(outcomes: dict[str, Any]) -> list[str]:
    """One more: what the video did while a fault hit a fleet."""
    lines = [
        "\nIn a fleet:\n",
        "| | when the video flows again | how long it stood still |",
        "| --- | --- | --- |",
    ]
    for name, fault in FLEET_FAULTS.items():
        if name in outcomes:
            outcome = Outcome(**outcomes[name])
            cells = _flows_after(outcome, stops=False), _longest_gap(outcome, stops=False)
            lines.append(f"| {fault.title} | " + " | ".join(cells) + " |")
    return lines


def _table(results: Results, cell: Callable[[Outcome, bool], str]) -> list[str]:
    kinds = [kind for kind in CLIENTS if kind in results]
    lines = [
        "| | " + " | ".join(CLIENTS[kind].title for kind in kinds) + " |",
        "| --- |" + " --- |" * len(kinds),
    ]
    for name, fault in FAULTS.items():
        outcomes = [results[kind].get(name) for kind in kinds]
        cells = [cell(Outcome(**outcome), fault.stops) if outcome else "" for outcome in outcomes]
        lines.append(f"| {fault.title} | " + " | ".join(cells) + " |")
    return lines


def _flows_after(outcome: Outcome, stops: bool) -> str:
    if outcome.flows_after is None:
        return "**no video**"
    if not outcome.stopped and not stops:
        return "never stopped"
    return f"{outcome.flows_after if outcome.stopped else outcome.longest_gap:.1f}"


def _longest_gap(outcome: Outcome, stops: bool) -> str:
    if outcome.flows_after is None:
        return f"more than {PATIENCE:.0f}"
    return f"{outcome.longest_gap:.{1 if outcome.stopped else 2}f}"


if __name__ == "__main__":
    main()
