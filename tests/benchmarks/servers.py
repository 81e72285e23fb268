"""What is measured: the columns of the table, and how each is started."""

from __future__ import annotations

import functools
import json
import resource
import subprocess
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Mapping, Sequence

from benchmarks.build import BUILD, CERTIFICATE, HERE, KEY, ROOT, SECRET, environment
from benchmarks.rows import NODE, OFF, OURS, PLAIN, QUICK, SHARDED, Row, rows
from benchmarks.together import at_once, linked, subscribed
from fleet.redis_server import RedisServer

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
SOCKETS = frozenset(["plain", "ping", "throughput", "pairs", "alone", "pace-plain", "tls"])
CLIENTS = frozenset(["memory", "memory-idle", "memory-many", "connect-many", "storm", "start"])
CROWDS = frozenset(["connect", "crowd", "crowd-in", "crowd-time"])
RECOVERY = frozenset(["recommended", "session", "session-ack"])
VARIANTS = frozenset(["recommended", "plain", "ack", "start", "memory-idle", "memory-many"])
ACROSS, LOCAL = (
    frozenset(row.name for row in rows(QUICK) if row.run.fleet == fleet)
    for fleet in ("across", "local")
)


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
    host: Callable[[str, str], list[str]] | None = None
    """The command of a host of a fleet, by the URL of its Redis and its name; None: it has none."""
    together: Callable[[Sequence[int], RedisServer], bool] = at_once
    """Whether the hosts on these ports can exchange signals yet."""

    def does(self, row: Row) -> bool:
        """Whether it is measured for a row."""
        return (self.rows is None or row.name in self.rows) and bool(self.host or not row.run.fleet)


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
    found[SHARDED] = _node(rows=ACROSS, adapter="--sharded")
    found[OFF] = _alone(python)
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
        PLAIN: _python_peer(python, "plain_relay.py", adapter="--redis"),
        "peerjs-server": Server([*peerjs, "--port", "{port}"], path=path, raw=True, rows=CLIENTS),
        "y-webrtc": Server(["env", "PORT={port}", *y_webrtc], path="/?", raw=True, rows=CLIENTS),
    }


def _node(*words: str, rows: frozenset[str] | None = None, adapter: str = "--redis") -> Server:
    relay = ["node", str(BUILD / "node_relay.js")]
    return _peer(relay, [*words, "{port}"], adapter, rows=rows)


def _python_peer(
    python: str,
    file: str,
    adapter: str = "",
    path: str = SOCKET_IO,
    raw: bool = False,
    rows: frozenset[str] | None = None,
) -> Server:
    relay = [python, str(HERE / "peers" / file)]
    return replace(_peer(relay, ["{port}"], adapter, rows=rows), path=path, raw=raw)


def _peer(relay: list[str], words: list[str], adapter: str, rows: frozenset[str] | None) -> Server:
    """One of peers/; `adapter`: its option for the URL of a Redis, "": it has none."""
    command = [*relay, *words]
    secure = [*command, str(CERTIFICATE), str(KEY)]
    if not adapter:
        return Server(command, secure, rows=rows)
    return Server(
        command,
        secure,
        rows=rows,
        host=lambda url, name: [*relay, adapter, url, *words],
        together=subscribed,
    )


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

    def host(url: str, name: str) -> list[str]:
        fleet = {"url": url, "name": name, "secret_file": str(SECRET)}
        file = _written({**settings, "fleet": fleet}, f"host-{name}")
        return _serve(file, python, without)

    return Server(
        command,
        secure_command,
        folder=checkout,
        rows=rows,
        host=host if "fleet" in _keys(checkout) else None,
        together=linked,
    )


def _alone(python: str) -> Server:
    """Hosts that are no fleet, each as `ours` is without one."""
    ours = _ours(ROOT, python, rows=LOCAL)
    return replace(ours, host=lambda url, name: ours.command, together=at_once)


def _serve(config: Path, python: str, without: tuple[str, ...]) -> list[str]:
    words = ["serve", "--config", str(config), "--port", "{port}"]
    if without:
        return [python, "-c", WITHOUT.format(names=without, words=words)]
    return [python, "-m", "signaling_server", *words]


def _raised(checkout: Path) -> dict[str, dict[str, int]]:
    """Those of RAISED that the checkout knows: an unknown key is an error."""
    keys = _keys(checkout)
    return {
        section: {name: value for name, value in values.items() if name in keys}
        for section, values in RAISED.items()
    }


@functools.lru_cache(maxsize=None)
def _keys(checkout: Path) -> frozenset[str]:
    """The keys of a checkout's configuration, without their sections."""
    command = [sys.executable, "-m", "signaling_server", "print-config"]
    known = subprocess.run(command, cwd=checkout, env=environment(checkout), stdout=-1, check=True)
    return frozenset(line.split(":")[0].strip() for line in known.stdout.decode().splitlines())


def _written(settings: dict[str, object], name: str = "") -> Path:
    """A configuration file, under a name or its own; JSON is YAML."""
    text = json.dumps({"version": 1, **settings}, indent=1)
    file = BUILD / f"config-{name or f'{zlib.crc32(text.encode()):08x}'}.yaml"
    file.write_text(text)
    return file
