"""Every `pip install` line of the documents works with pip 23.0.1, which Debian 12 has."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Iterator

import pytest

from integration.server import ROOT

PIP = "pip==23.0.1"
EXAMPLES = ROOT / "docs" / "examples"
WITH_PIP = "### With pip\n"
VENDOR = "signaling_server/web/static/vendor"
NEEDED = "import aiohttp, aiortc, socketio; socketio.AsyncClient()"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment of Debian's Python, with that pip."""
    folder = tmp_path_factory.mktemp("pip") / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", str(folder)], check=True)
    pip(folder, "install", "-qq", PIP)
    assert pip(folder, "--version").startswith("pip 23.0.1 ")
    return folder


def pip(environment: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(environment / "bin/pip"), "--disable-pip-version-check", *arguments],
        cwd=EXAMPLES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def documented() -> Iterator[tuple[str, str]]:
    """What the documents say to install for a client: the file and the arguments."""
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *EXAMPLES.glob("*.py")]
    for file in sorted(files):
        for line in re.findall(r"pip install ([^`\n]+)", file.read_text()):
            if not line.lstrip("'").startswith((".", "-r ")):
                yield file.name, line.strip()


def test_requirements_are_installed_and_suffice(environment: Path) -> None:
    pip(environment, "install", "-qq", "-r", "requirements.txt")
    subprocess.run([str(environment / "bin/python"), "-c", NEEDED], check=True)
    helped = subprocess.run(
        [str(environment / "bin/python"), str(EXAMPLES / "streaming_node.py"), "--help"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "--rtsp URL" in helped.stdout


def test_every_other_line_is_understood(environment: Path) -> None:
    lines = list(documented())
    assert ("README.md", "python-socketio aiohttp") in lines
    for file, line in lines:
        said = pip(environment, "install", "--dry-run", "--ignore-installed", *line.split())
        assert "does not provide the extra" not in said, (file, line)
        assert "socketio" not in line or "aiohttp" in said, (file, line)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of the repository, without what was made in this checkout."""
    git = ("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT))
    listed = subprocess.run([*git, "ls-files", "-z"], stdout=subprocess.PIPE, check=True).stdout
    for name in listed.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_clone_is_installed_with_the_scripts_of_its_pages(environment: Path, clone: Path) -> None:
    said = (ROOT / "docs/operations.md").read_text().split(WITH_PIP)[1].split("\n## ")[0]
    assert "`pip install .`" in said
    (script,) = re.findall(r"run `(\S+)`", said)
    subprocess.run([f"./{script}"], cwd=clone, check=True)
    wheels = clone / "wheels"
    pip(environment, "wheel", "-qq", "--no-deps", "--wheel-dir", str(wheels), str(clone))
    (wheel,) = wheels.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"{VENDOR}/{name}" for name in ("socket.io.js", "socket.io.esm.js", "help.html")} <= {
        *names
    }
