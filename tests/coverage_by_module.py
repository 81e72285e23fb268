"""Check that each module is covered, every branch of it, by its own tests alone.

    python tests/coverage_by_module.py [MODULE ...]

MODULE: such as core/protocol/hold.py; default: all pure modules and those of OTHERS. Exit code 1
if a branch is missing. One process for each module, as many at once as there are processors.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "signaling_server"
OTHERS = (
    *("errors.py", "logs/fact_log.py", "appliance/descriptors.py", "appliance/door.py"),
    *("appliance/listener.py", "appliance/startup.py", "appliance/tls.py", "appliance/watchdog.py"),
    *("appliance/config_files.py", "appliance/systemd.py", "cli/connection_errors.py"),
    *("cli/remote.py", "self_report.py", "web/site.py"),
    *("web/access.py", "web/bad_requests.py", "transport/admission.py", "transport/switchboard.py"),
    *("transport/engine/clock.py", "transport/engine/send_queue.py"),
    *("transport/engine/frames.py", "transport/engine/packets.py"),
)
DECLARATIONS = ("__init__.py", "core/protocol/events.py")
"""Without a line that decides anything: nothing to test."""
RULES = {"core/protocol/relay.py": ["tests/scenarios"]}
"""Tests that a module has beside its own test module."""


class Result(NamedTuple):
    module: str
    covered: bool
    report: str


def tests_of(module: str) -> list[str]:
    return [f"tests/unit/test_{Path(module).name}", *RULES.get(module, [])]


def check(module: str) -> Result:
    """Run the tests of a module and measure that module alone."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "COVERAGE_FILE": f"{folder}/coverage",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take longer to load than most tests run
        }
        coverage = [sys.executable, "-m", "coverage"]
        for step in (
            [*coverage, "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests_of(module)],
            [*coverage, "report", f"--include={PACKAGE / module}", "-m", "--fail-under=100"],
        ):
            done = subprocess.run(
                step, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            if done.returncode:
                return Result(module, False, done.stdout.decode())
    return Result(module, True, "")


def main(modules: list[str]) -> int:
    if not modules:
        core = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("core/**/*.py"))
        modules = [m for m in (*core, *OTHERS) if not m.endswith(DECLARATIONS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, modules))
    for result in results:
        print(f"{'covered' if result.covered else 'MISSING':8} {result.module}")
        print(result.report, end="")
    return 0 if all(result.covered for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
