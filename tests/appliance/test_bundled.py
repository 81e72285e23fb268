"""The package with an aiohttp of its own, for systems whose own is too old."""

from __future__ import annotations

import signal
import struct
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from arm64.foreign import PATIENCE, Served, Tree, debian_11

from .conftest import Packages
from .machine import ROOT, host_command

VERSION = "3.8"
"""Of Ubuntu 20.04 and JetPack 5."""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import aiohttp
import signaling_server
from signaling_server.cli.main import main
print(aiohttp.__file__, signaling_server.__file__, flush=True)
sys.exit(main(sys.argv[1:]))
"""

ELF_MACHINES = {"amd64": 62, "arm64": 183}
"""EM_X86_64 and EM_AARCH64 of elf.h."""


@pytest.fixture(scope="module")
def tree(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for this machine, unpacked."""
    folder = tmp_path_factory.mktemp("bundled")
    script = str(ROOT / "packaging/build-bundled.sh")
    options = ("--python", VERSION, "--arch", "amd64", "--output", str(folder))
    deb = host_command(script, *options, str(packages.deb)).splitlines()[-1]
    host_command("dpkg-deb", "--extract", deb, str(folder / "tree"))
    return folder / "tree"


@pytest.fixture(scope="module")
def python() -> str:
    """Of that version, with the libraries that the system's packages have (PyYAML, sdnotify)."""
    found = dict(line.split() for line in host_command(str(ROOT / ".ci/pythons")).splitlines())
    assert VERSION in found, f"needs Python {VERSION}: .ci/pythons"
    folder = ROOT / f".venv-{VERSION}"
    host_command(str(ROOT / ".ci/venv"), str(folder), found[VERSION], f"{ROOT}[unit,fast]")
    return str(folder / "bin/python")


@pytest.fixture(scope="module")
def command(tree: Path, python: str) -> list[str]:
    """Runs a command of the package."""
    return [python, "-I", "-c", PROGRAM, str(tree / "usr/share/hawkeye-signaling")]


@pytest.fixture
def url(command: list[str], tree: Path, tmp_path: Path) -> Iterator[str]:
    """A server of the package."""
    config = tmp_path / "config.yaml"
    config.write_text("listen: {host: 127.0.0.1, port: 0}\n")
    serve = [*command, "serve", "--config", str(config)]
    with subprocess.Popen(
        serve, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        imported = server.stdout.readline().split()
        assert all(file.startswith(f"{tree}/") for file in imported), imported
        for line in server.stdout:
            if "listens on http" in line:
                yield line.split()[-1]
                break
        server.terminate()
        assert server.wait(10) == 0


def test_its_server_shakes_hands_with_its_probe(command: list[str], url: str) -> None:
    said = host_command(*command, "probe", "--url", url)
    assert f"signaling works at {url}" in said


@pytest.mark.soak
def test_bundle_for_python_3_9_runs_on_debian_11(packages: Packages, tmp_path: Path) -> None:
    """tests/arm64 runs that for arm64."""
    tree = Tree(debian_11(packages.deb, "amd64", tmp_path))
    python, program = "/usr/bin/python3.9", "/usr/bin/hawkeye-signaling"
    with Served(tree, python, tmp_path) as served:
        served.until("READY=1")
        assert served.health()["status"] == "ok"
        assert "signaling works" in tree.run(python, "-I", program, "probe")
        served.send(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0, served.log()


@pytest.mark.parametrize("architecture", ELF_MACHINES)
@pytest.mark.parametrize("python", ["3.8", "3.9"], ids=["cp38", "cp39"])
def test_every_bundle_is_for_its_python_and_architecture_and_replaces_the_package(
    packages: Packages, python: str, architecture: str, tmp_path: Path
) -> None:
    """tests/arm64 runs that of 3.9; Debian has no Python 3.8 for arm64 (docs/hardware.md)."""
    script = str(ROOT / "packaging/build-bundled.sh")
    options = ("--python", python, "--arch", architecture, "--output", str(tmp_path))
    deb = host_command(script, *options, str(packages.deb)).splitlines()[-1]
    host_command("dpkg-deb", "--extract", deb, str(tmp_path / "tree"))
    libraries = [*(tmp_path / "tree").rglob("*.so")]
    tag = f".cpython-{python.replace('.', '')}-"
    assert any("aiohttp/_http_parser" in str(library) for library in libraries)
    for library in libraries:
        assert tag in library.name
        head = library.read_bytes()[:20]
        assert struct.unpack_from("<H", head, 18)[0] == ELF_MACHINES[architecture]

    def field(name: str) -> str:
        return host_command("dpkg-deb", "--field", deb, name).strip()

    assert field("Architecture") == architecture
    assert field("Conflicts") == field("Provides") == "hawkeye-signaling"
    minor = int(python.split(".")[1])
    assert field("Depends").startswith(f"python3 (>= {python}~), python3 (<< 3.{minor + 1}~), ")
    assert "python3-aiohttp" not in field("Depends")
