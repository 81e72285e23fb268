"""What the benchmark is made of: programs of Debian, the generator, npm's peers, a certificate."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "bench"
GENERATOR, PAYLOADS = BUILD / "generator", BUILD / "payloads.txt"
CERTIFICATE, KEY = BUILD / "certificate.pem", BUILD / "key.pem"
SECRET = BUILD / "fleet-secret"
"""Of our fleets: without it there would be no MACs, which cost CPU."""
PROGRAMS = {
    "gcc": "gcc libc6-dev",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "taskset": "util-linux",
}
"""Each with the Debian packages that bring it."""
FOR_FLEETS = {"redis-server": "redis-server", "redis-cli": "redis-tools"}
"""The same for the rows of two hosts."""
DEBIAN_12 = ("aiohttp==3.8.4", "uvloop==0.17.0", "redis==4.3.4")
"""As Debian 12 has them."""
SYSTEM_PYTHON = Path("/usr/bin/python3")
"""The distribution's, which the package runs on. A Python of another source is often built without
profile-guided optimisation, and then our code takes half as long again.
"""
LIBRARIES = (
    *("aiohttp", "python-socketio", "python-engineio", "bidict", "PyYAML", "sdnotify"),
    *("uvloop", "orjson", "redis"),
)
"""What the server imports."""


def build(fleets: bool) -> None:
    """Make everything, in build/bench, also for the rows of `fleets`. Exits with apt's line where
    Debian packages are missing.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    programs = {**PROGRAMS, **(FOR_FLEETS if fleets else {})}
    _need(*(packages for name, packages in programs.items() if not shutil.which(name)))
    if subprocess.run(
        ["gcc", "-E", "-"], input=b"#include <openssl/ssl.h>", capture_output=True
    ).returncode:
        _need("libssl-dev")
    sources = sorted(map(str, HERE.glob("generator/*.c")))
    _run("gcc", "-O2", "-o", str(GENERATOR), *sources, "-lssl", "-lcrypto")
    _run(sys.executable, str(HERE / "payloads.py"), str(PAYLOADS))
    _certificate()
    SECRET.write_text("of the benchmark\n")
    for file in (HERE / "peers").glob("*.js*"):
        shutil.copy(file, BUILD)
    _run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=BUILD)


def system_python() -> Path | None:
    """The distribution's Python with the libraries of this one, in the same versions; None: there
    is none that is new enough for them.
    """
    if not SYSTEM_PYTHON.exists():
        return None
    folder = BUILD / "system-python"
    python, done = folder / "bin" / "python", folder / "done"
    wanted = [f"{name}=={version(name)}" for name in LIBRARIES]
    if not done.exists() or done.read_text().split() != wanted:
        _run(str(SYSTEM_PYTHON), "-m", "venv", "--without-pip", "--clear", str(folder))
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq"]
        if subprocess.run([*pip, *wanted], check=False).returncode:
            return None
        done.write_text("\n".join(wanted))
    return python


def debian_12() -> Path | None:
    """A Python 3.11 with Debian 12's aiohttp and uvloop; None: there is no Python 3.11."""
    python = shutil.which("python3.11", path="/usr/bin") or shutil.which("python3.11")
    folder = BUILD / "debian-12"
    if not python:
        return None
    done, wanted = folder / "done", "\n".join(DEBIAN_12)
    if not done.exists() or done.read_text() != wanted:
        _run(python, "-m", "venv", "--clear", str(folder))
        pip = [str(folder / "bin/pip"), "install", "-qq"]
        _run(*pip, "--editable", str(ROOT))
        _run(*pip, *DEBIAN_12)  # in a step of its own: pip's users get a newer aiohttp
        done.write_text(wanted)
    return folder / "bin" / "python"


def environment(checkout: Path) -> dict[str, str]:
    """Of the servers that are measured, from a checkout."""
    # Byte code goes to a folder of ours: a checkout that cannot be written would compile each time.
    given = {"PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(BUILD / "byte-code")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, **given}


def _need(*packages: str) -> None:
    if packages:
        line = " ".join(packages)
        raise SystemExit(f"make bench needs: apt install --no-install-recommends {line}")


def _certificate() -> None:
    kind = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3650",
    ]
    files = ["-out", str(CERTIFICATE), "-keyout", str(KEY)]
    if not CERTIFICATE.exists():
        _run("openssl", "req", *kind, "-subj", "/CN=127.0.0.1", *files)


def _run(*command: str, cwd: Path | None = None) -> None:
    """Quiet, unless it fails: then what it said, and exit."""
    done = subprocess.run(
        command, cwd=cwd, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nfailed: {' '.join(command)}")
