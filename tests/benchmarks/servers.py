"""What is measured: the columns of the table, and how each is started."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from benchmarks.build import BUILD, CERTIFICATE, HERE, KEY, ROOT

NODE = "node socket.io"
OURS = "ours"
SOCKET_IO = "/socket.io/?EIO=4&transport={transport}"
FILES = 46_000
"""Descriptors that our server requires for all of RAISED; with fewer it refuses callers."""
ROOM = min(1.0, resource.getrlimit(resource.RLIMIT_NOFILE)[1] / FILES)
"""The part of the largest crowds that this system lets a server have."""
RAISED = {
    "limits": {
        "messages_per_second": 1000000,
        "burst": 1000000,
        "bytes_per_second": 0,
        "connections": int(15000 * ROOM),
        "strangers": int(15000 * ROOM),
        "rooms_per_address": 0,
    },
    "rooms": {"max_rooms": 15000},
}
"""As shipped, but for the limits that a benchmark is made to exceed; 0: off."""
WITHOUT = (
    "import sys; sys.modules.update(dict.fromkeys({names!r})); "
    "from signaling_server.cli.main import main; sys.exit(main({words!r}))"
)
TO_START = 20
"""Seconds at most."""

SOCKETS = frozenset(["plain", "ping", "throughput", "pairs", "alone", "pace-plain", "tls"])
CLIENTS = frozenset(["memory", "memory-idle", "memory-many", "connect-many", "storm", "start"])
CROWDS = frozenset(["connect", "crowd", "crowd-in", "crowd-time"])
RECOVERY = frozenset(["recommended", "session", "session-ack"])
VARIANTS = frozenset(["recommended", "plain", "ack", "start", "memory-idle", "memory-many"])


@dataclass(frozen=True)
class Server:
    """One that is measured; {port} stands in its command, {n} in its path for a client's number."""

    command: list[str]
    secure: list[str] | None = None
    """The command that serves TLS."""
    path: str = SOCKET_IO
    raw: bool = False
    """WebSockets without Socket.IO."""
    folder: Path = ROOT
    rows: frozenset[str] | None = None
    """Names of the rows that it can do; None: all."""

    def does(self, row: str) -> bool:
        """Whether it is measured for a row."""
        return self.rows is None or row in self.rows


class DoesNotStartError(Exception):
    """A server does not answer in time; says what it wrote."""


def servers(
    bases: Mapping[str, Path], system: Path | None, debian: Path | None
) -> dict[str, Server]:
    """All columns by name; `bases` are other checkouts by name. What is Python runs on `system`, or
    where that is None on this Python; `debian` is one with older libraries.
    """
    python = str(system or sys.executable)
    found = {NODE: _node(), OURS: _ours(ROOT, python)}
    found.update({name: _ours(checkout, python) for name, checkout in bases.items()})
    if debian:
        found["ours, Debian 12's stack"] = _ours(ROOT, str(debian), without=("orjson",))
    found[f"{NODE}, recovery"] = _node("--recovery", rows=RECOVERY)
    leaner = ("orjson", "uvloop")
    found["ours, asyncio + json"] = _ours(ROOT, python, without=leaner, rows=VARIANTS)
    found["ours, slow path"] = _ours(ROOT, python, fast_path=False, rows=VARIANTS)
    if system:
        found["ours, Python of the tests"] = _ours(ROOT, sys.executable, rows=VARIANTS)
    return {**found, **_others(python)}


def _others(python: str) -> dict[str, Server]:
    raw = _python_peer(python, "raw_relay.py", path="/?", raw=True, rows=SOCKETS | CLIENTS | CROWDS)
    peerjs = ["node", str(BUILD / "node_modules/peer/dist/bin/peerjs.js"), "--host", "127.0.0.1"]
    y_webrtc = ["node", str(BUILD / "node_modules/y-webrtc/bin/server.js")]
    path = "/peerjs?key=peerjs&id=c{n}&token=t{n}"
    return {
        "raw aiohttp": raw,
        "plain python-socketio": _python_peer(python, "plain_relay.py"),
        "peerjs-server": Server([*peerjs, "--port", "{port}"], path=path, raw=True, rows=CLIENTS),
        "y-webrtc": Server(["env", "PORT={port}", *y_webrtc], path="/?", raw=True, rows=CLIENTS),
    }


def _node(*words: str, rows: frozenset[str] | None = None) -> Server:
    command = ["node", str(BUILD / "node_relay.js"), *words, "{port}"]
    return Server(command, [*command, str(CERTIFICATE), str(KEY)], rows=rows)


def _python_peer(
    python: str,
    file: str,
    path: str = SOCKET_IO,
    raw: bool = False,
    rows: frozenset[str] | None = None,
) -> Server:
    command = [python, str(HERE / "peers" / file), "{port}"]
    return Server(command, [*command, str(CERTIFICATE), str(KEY)], path, raw, rows=rows)


def _ours(
    checkout: Path,
    python: str,
    without: tuple[str, ...] = (),
    fast_path: bool = True,
    rows: frozenset[str] | None = None,
) -> Server:
    """Our server from a checkout, on a Python, without some of the optional libraries."""
    settings: dict[str, object] = dict(_raised(checkout))
    settings["listen"] = {"host": "127.0.0.1"}
    settings["socketio"] = {"fast_path": fast_path}
    secure = {**settings, "tls": {"certificate": str(CERTIFICATE), "private_key": str(KEY)}}
    command, secure_command = (_serve(_written(one), python, without) for one in (settings, secure))
    return Server(command, secure_command, folder=checkout, rows=rows)


def _serve(config: Path, python: str, without: tuple[str, ...]) -> list[str]:
    words = ["serve", "--config", str(config), "--port", "{port}"]
    if without:
        return [python, "-c", WITHOUT.format(names=without, words=words)]
    return [python, "-m", "signaling_server", *words]


def _raised(checkout: Path) -> dict[str, dict[str, int]]:
    """Those of RAISED that the checkout knows: an unknown key is an error."""
    command = [sys.executable, "-m", "signaling_server", "print-config"]
    known = subprocess.run(command, cwd=checkout, env=_environment(checkout), stdout=-1, check=True)
    keys = {line.split(":")[0].strip() for line in known.stdout.decode().splitlines()}
    return {
        section: {name: value for name, value in values.items() if name in keys}
        for section, values in RAISED.items()
    }


def _written(settings: dict[str, object]) -> Path:
    """A configuration file; JSON is YAML."""
    text = json.dumps({"version": 1, **settings}, indent=1)
    file = BUILD / f"config-{zlib.crc32(text.encode()):08x}.yaml"
    file.write_text(text)
    return file


def _environment(checkout: Path) -> dict[str, str]:
    # Byte code goes to a folder of ours: a checkout that cannot be written would compile each time.
    given = {"PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(BUILD / "byte-code")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, **given}


@contextmanager
def running(server: Server, tls: bool = False) -> Iterator[tuple[int, int, float]]:
    """A server on core 0: its process id, port, and the milliseconds from exec to its answering.

    Raises DoesNotStartError.
    """
    port = _free_port()
    command = (server.secure if tls else server.command) or []
    command = ["taskset", "-c", "0", *(part.replace("{port}", str(port)) for part in command)]
    log = BUILD / "server.log"
    started = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=server.folder, env=_environment(server.folder), stdout=out, stderr=out
        )
    try:
        while not _answers(port, tls):
            if process.poll() is not None or time.monotonic() > started + TO_START:
                raise DoesNotStartError(f"{' '.join(command)}: {log.read_text()[-500:]}")
            time.sleep(0.0005)
        yield process.pid, port, (time.monotonic() - started) * 1000
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, tls: bool) -> bool:
    """Whether a GET is answered, whatever the answer is; under TLS, whether it accepts."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TO_START) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return tls or bool(connection.recv(1))
    except ConnectionError:
        return False
