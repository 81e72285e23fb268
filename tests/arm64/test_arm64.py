"""The offline repository for arm64 (Raspberry Pi, Jetson): unpacked, and run under qemu-user.

The server answers, tells systemd READY, lets the probe's clients shake hands, reloads and stops.
On Debian 11 it is the one of the package with an aiohttp of its own.
"""

from __future__ import annotations

import signal
import struct
from pathlib import Path
from typing import Iterator

import pytest

from appliance.conftest import Packages, build, make_repository, packages, wheels  # noqa: F401

from .foreign import PATIENCE, Served, Tree, debian_11, unpack

EMULATOR = Path("/usr/bin/qemu-aarch64-static")
PYTHONS = {
    "bullseye": "/usr/bin/python3.9",
    "bookworm": "/usr/bin/python3.11",
    "trixie": "/usr/bin/python3.13",
}
RARE = "bullseye"
"""Debian 11 is no longer supported: by `make soak` only."""
EM_AARCH64 = 183
PRIVATE = "/usr/share/hawkeye-signaling"
"""The package's own folder of libraries."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(s, marks=pytest.mark.soak) if s == RARE else s for s in PYTHONS],
)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tree(suite: str, packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Tree:  # noqa: F811
    work = tmp_path_factory.mktemp(suite)
    if suite == RARE:
        return Tree(debian_11(packages.deb, "arm64", work), EMULATOR)
    repository = make_repository(suite, work / "repository", packages.deb, "arm64")
    names = unpack(repository, work / "tree")
    assert next(name for name in names if name.startswith("libc6_")).endswith("_arm64.deb")
    return Tree(work / "tree", EMULATOR)


@pytest.fixture(scope="module")
def served(suite: str, tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tree, PYTHONS[suite], tmp_path_factory.mktemp("log")) as served:
        served.until("READY=1")
        yield served


def test_python_of_the_tree_is_for_arm64(suite: str, tree: Tree) -> None:
    head = (tree.root / PYTHONS[suite].lstrip("/")).read_bytes()[:20]
    assert struct.unpack_from("<H", head, 18)[0] == EM_AARCH64
    program = "import platform; print(platform.machine())"
    assert tree.run(PYTHONS[suite], "-I", "-c", program) == "aarch64\n"


def test_compiled_libraries_load(suite: str, tree: Tree) -> None:
    """aiohttp's C extensions, journald's and uvloop's are for arm64."""
    mask = "aiohttp._websocket" if suite == "bookworm" else "aiohttp._websocket.mask"
    program = f"import {mask}, systemd.journal, uvloop, yaml, ssl; print({mask}.__file__)"
    if suite == RARE:
        program = f"import sys; sys.path.insert(0, '{PRIVATE}'); {program}"
    file = tree.run(PYTHONS[suite], "-I", "-c", program)
    assert file.endswith("-aarch64-linux-gnu.so\n")
    assert file.startswith(PRIVATE) == (suite == RARE)


def test_server_answers_when_it_says_ready(served: Served) -> None:
    assert served.health()["status"] == "ok"


def test_probes_clients_shake_hands(suite: str, tree: Tree, served: Served) -> None:
    said = tree.run(PYTHONS[suite], "-I", "/usr/bin/hawkeye-signaling", "probe")
    assert "answer" in said, said


def test_watchdog_is_fed(served: Served) -> None:
    served.until("WATCHDOG=1")


def test_reload_is_told(served: Served) -> None:
    served.send(signal.SIGHUP)
    told = served.until("RELOADING=1")
    if "READY=1" not in told[told.index("RELOADING=1") :]:
        served.until("READY=1")
    assert served.health()["status"] == "ok"


def test_sigterm_stops_it_at_the_end(served: Served) -> None:
    served.send(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 0, served.log()
