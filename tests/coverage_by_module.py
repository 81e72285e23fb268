"""Check that each module's own tests cover every branch of it, without the help of other tests.

    python tests/coverage_by_module.py [MODULE ...]

MODULE: such as core/protocol/hold.py; default: those of core and transport, and OTHERS. The tests
of hold.py are in tests/unit/test_hold.py, so no two modules of the package may have the same name.
Exit code 1 if a branch is not covered or a name not unique. One process for each module, as many
at the same time as there are processors.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Iterable, NamedTuple

import aiohttp.web  # noqa: F401
import coverage
import hypothesis  # noqa: F401
import pytest
import socketio  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "signaling_server"
OTHERS = (
    *("errors.py", "logs/fact_log.py", "logs/pipe.py", "logs/journal.py", "logs/masking.py"),
    *("appliance/descriptors.py", "appliance/door.py", "appliance/listener.py"),
    *(
        "appliance/startup.py",
        "appliance/tls.py",
        "appliance/watchdog.py",
        "appliance/self_check.py",
    ),
    *("appliance/config_files.py", "appliance/systemd.py", "cli/connection_errors.py"),
    *("cli/remote.py", "self_report.py", "web/site.py", "web/access.py", "web/bad_requests.py"),
    *("web/callers.py", "web/once_a_second.py", "appliance/remembered.py"),
    *("cli/paint.py", "cli/scrub.py", "cli/troubles.py"),
    *("appliance/resolver.py", "appliance/ice_asker.py", "appliance/ice_check.py"),
    *("web/first_bytes.py", "appliance/peek.py", "entrance.py", "appliance/starts.py"),
    *("appliance/file_text.py", "appliance/whole_file.py", "appliance/address_file.py"),
    "appliance/pairing_codes.py",
    *("appliance/own_addresses.py", "appliance/reachable.py"),
    *("fleet/library.py", "fleet/seen.py", "cli/fleet_status.py"),
    *("web/markdown.py", "web/help_page.py", "web/qr.py"),
)
DECLARATIONS = (
    *("__init__.py", "core/protocol/events.py", "core/fleet/records.py"),
    "transport/engine/socket.py",
    "transport/elsewhere.py",
)
"""Modules without a branch or a function: nothing to test."""
RULES = {"core/protocol/relay.py": ["tests/scenarios"]}
"""More tests that belong to a module, beside its test module."""


class Result(NamedTuple):
    module: str
    covered: bool
    report: str


def modules_of_the_package() -> list[str]:
    """All of them, relative to the package, such as core/protocol/hold.py."""
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def default_modules() -> list[str]:
    """Those of core and transport, and OTHERS."""
    whole = [each for each in modules_of_the_package() if each.startswith(("core/", "transport/"))]
    return [module for module in (*whole, *OTHERS) if not module.endswith(DECLARATIONS)]


def same_names(modules: Iterable[str]) -> list[list[str]]:
    """The modules that would share a test module."""
    by_name: dict[str, list[str]] = {}
    for module in modules:
        by_name.setdefault(Path(module).name, []).append(module)
    return [found for name, found in by_name.items() if len(found) > 1 and name[:2] != "__"]


def tests_of(module: str) -> list[str]:
    return [f"tests/unit/test_{Path(module).name}", *RULES.get(module, [])]


def check(module: str) -> Result:
    """Run the tests of a module, in a process of their own, and measure that module alone."""
    file = str(PACKAGE / module)
    config = str(ROOT / "pyproject.toml")
    # Its `source` would let it measure the whole package.
    measured = coverage.Coverage(None, source=[], include=[file], config_file=config)
    with tempfile.TemporaryFile("w+") as said:
        for descriptor in (1, 2):
            os.dup2(said.fileno(), descriptor)
        sys.stdout = sys.stderr = said
        measured.start()
        code = pytest.main(["-q", "-p", "no:cacheprovider", *tests_of(module)])
        measured.stop()
        try:
            covered = measured.report(file=said, show_missing=True) == 100.0
        except coverage.exceptions.NoDataError as nothing:
            covered = False
            print(nothing, file=said)
        said.seek(0)
        passed = code == 0 and covered
        return Result(module, passed, "" if passed else said.read())


def main(modules: list[str]) -> int:
    doubles = same_names(modules_of_the_package())
    for double in doubles:
        print(f"same name, so same test module: {', '.join(double)}")
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer to load than most tests
    # Forks of this process, which has loaded what most tests need, but nothing of the package.
    assert not any(name.startswith("signaling_server") for name in sys.modules)
    with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
        results = pool.map(check, modules or default_modules(), chunksize=1)
    for result in results:
        print(f"{'covered' if result.covered else 'MISSING':8} {result.module}")
        print(result.report, end="")
    return 0 if all(result.covered for result in results) and not doubles else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
