"""The offline repository for arm64 (Raspberry Pi, Jetson): unpacked, and run under qemu-user.

The server answers, tells systemd READY, lets the probe's clients shake hands, reloads and stops.
"""

from __future__ import annotations

import signal
import socket
import struct
from pathlib import Path
from typing import Callable, Iterator

import pytest

from appliance.conftest import build, make_repository, wheels  # noqa: F401
from appliance.machine import CACHE

from .foreign import PATIENCE, Served, Tree, unpack

EMULATOR = Path("/usr/bin/qemu-aarch64-static")
PYTHONS = {"bookworm": "/usr/bin/python3.11", "trixie": "/usr/bin/python3.13"}
EM_AARCH64 = 183


@pytest.fixture(scope="module")
def deb(build: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    CACHE.mkdir(parents=True, exist_ok=True)
    return build("--output", str(tmp_path_factory.mktemp("deb")))


@pytest.fixture(scope="module", params=PYTHONS)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tree(suite: str, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    work = tmp_path_factory.mktemp(suite)
    repository = make_repository(suite, work / "repository", deb, "arm64")
    names = unpack(repository, work / "tree")
    assert next(name for name in names if name.startswith("libc6_")).endswith("_arm64.deb")
    return Tree(work / "tree", EMULATOR)


@pytest.fixture(scope="module")
def served(suite: str, tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    settings = tree.root / "etc/hawkeye-signaling/conf.d/port.yaml"
    settings.write_text(f"listen: {{host: 127.0.0.1, port: {port}}}\n")
    with Served(tree, PYTHONS[suite], tmp_path_factory.mktemp("log"), port) as served:
        served.until("READY=1")
        yield served


def test_python_of_the_tree_is_for_arm64(suite: str, tree: Tree) -> None:
    head = (tree.root / PYTHONS[suite].lstrip("/")).read_bytes()[:20]
    assert struct.unpack_from("<H", head, 18)[0] == EM_AARCH64
    program = "import platform; print(platform.machine())"
    assert tree.run(PYTHONS[suite], "-I", "-c", program) == "aarch64\n"


def test_compiled_libraries_load(suite: str, tree: Tree) -> None:
    """aiohttp's C extensions, journald's and uvloop's are the distribution's for arm64."""
    program = "import aiohttp._websocket, systemd.journal, uvloop, yaml, ssl; print('loaded')"
    if suite == "trixie":
        program = program.replace("aiohttp._websocket", "aiohttp._websocket.mask")
    assert tree.run(PYTHONS[suite], "-I", "-c", program) == "loaded\n"


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
