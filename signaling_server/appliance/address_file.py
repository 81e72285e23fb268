"""Where the service listens, for `status` and `probe` on the same machine.

The configuration does not tell: an override of the unit may pass --port, and the files may have
changed since the start. So the service writes address.json into the folder that systemd makes for
it (RuntimeDirectory=, systemd.exec(5)) and names in $RUNTIME_DIRECTORY. Anyone may read it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import NamedTuple

FOLDER = "/run/hawkeye-signaling"
NAME = "address.json"
MODE = 0o644
"""In spite of UMask=: `status` is for every user."""


class Whereabouts(NamedTuple):
    """Where a running server answers on this machine; `pid` is its process."""

    url: str
    socketio_path: str
    pid: int


def whereabouts(listener: socket.socket, socketio_path: str, *, tls: bool) -> Whereabouts:
    """Those of this process."""
    host, port = reachable(listener)
    shown = f"[{host}]" if ":" in host else host
    return Whereabouts(f"{'https' if tls else 'http'}://{shown}:{port}", socketio_path, os.getpid())


def reachable(listener: socket.socket) -> tuple[str, int]:
    """The host and the port under which this machine itself reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host == "::" and listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        return "::1", port
    # By IPv4 also for "::": that works with IPv6 switched off as well.
    return {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host), port


def folder(instance: str = "") -> str:
    """The runtime folder of the service, or of one of its instances."""
    return os.path.join(FOLDER, instance)


def path(instance: str = "") -> str:
    """The file of the service, or of one of its instances."""
    return os.path.join(folder(instance), NAME)


def write(where: Whereabouts) -> str:
    """Write the file, if systemd made a folder; returns a warning if that fails, else ""."""
    file = own_file()
    if not file:
        return ""
    written = f"{file}.new"
    try:
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
        with open(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, MODE)
            stream.write(json.dumps(where._asdict()) + "\n")
        os.replace(written, file)
    except OSError as error:
        return f"{file} cannot be written ({error.strerror}): status and probe need --url"
    return ""


def remove() -> None:
    """Remove the file: this process stops."""
    with contextlib.suppress(OSError):
        os.unlink(own_file())


def own_file() -> str:
    """The file of this process; "" if systemd made no folder for it."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return os.path.join(folder, NAME) if folder else ""


def read(instance: str = "") -> Whereabouts | None:
    """What a running service wrote; None: none does, or what is there is no such file."""
    try:
        with open(path(instance), encoding="utf-8") as stream:
            told = json.loads(stream.read(65536))
        where = Whereabouts(str(told["url"]), str(told["socketio_path"]), int(told["pid"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return where if _lives(where.pid) else None


def _lives(pid: int) -> bool:
    """Whether the process exists: one that was killed leaves its file behind."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0
