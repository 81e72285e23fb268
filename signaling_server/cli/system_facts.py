"""What the machine says about itself and the service, for a bug report."""

from __future__ import annotations

import importlib
import platform
import subprocess
from importlib import metadata
from typing import Iterator

from signaling_server.version import VERSION

LIBRARIES = {
    "aiohttp": "aiohttp",
    "python-socketio": "socketio",
    "python-engineio": "engineio",
    "bidict": "bidict",
    "PyYAML": "yaml",
    "sdnotify": "sdnotify",
    "uvloop": "uvloop",
    "orjson": "orjson",
    "systemd-python": "systemd",
}
"""By the name of the distribution, that of the module."""
LOG_LINES = 500
COMMAND_SECONDS = 10.0
_PROPERTIES = (
    "ActiveState,SubState,NRestarts,Result,ExecMainStartTimestamp,MemoryCurrent,StatusText"
)


def versions() -> str:
    """Of this program, of what it runs on, and of the libraries that it finds."""
    return "\n".join(
        [
            f"hawkeye-signaling {VERSION}",
            f"Python {platform.python_version()}",
            f"{platform.system()} {platform.release()} {platform.machine()}",
            *_first_lines("/etc/os-release", "PRETTY_NAME="),
            *_first_lines("/proc/device-tree/model", ""),
            command("systemctl", "--version").partition("\n")[0],
            *(f"{name} {_version(name, module)}" for name, module in LIBRARIES.items()),
        ]
    )


def service(unit: str) -> str:
    """The state of the unit."""
    return command("systemctl", "show", f"--property={_PROPERTIES}", unit)


def journal(unit: str) -> str:
    """The last lines of the log."""
    lines = f"--lines={LOG_LINES}"
    return command("journalctl", "--unit", unit, lines, "--output=short-iso", "--no-pager")


def network() -> str:
    """The addresses and routes of this machine."""
    return command("ip", "-brief", "address") + command("ip", "route")


def command(*words: str) -> str:
    """What a command says, or why it says nothing."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{words[0]}: no answer within {COMMAND_SECONDS:g} s\n"
    except OSError as error:
        return f"{words[0]}: {error.strerror}\n"
    return done.stdout.decode("utf-8", "replace")


def _version(name: str, module: str) -> str:
    """The package brings some libraries without their metadata."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    try:
        found = importlib.import_module(module)
    except ImportError:
        return "is not there"
    return f"{getattr(found, '__version__', 'of unknown version')} ({found.__file__})"


def _first_lines(path: str, start: str) -> Iterator[str]:
    """The first line of a file that begins like this, if there is one."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from [line.strip("\0\n") for line in file if line.startswith(start)][:1]
    except OSError:
        return
