"""A redis-server of the tests, or a valkey-server: on a free port and a socket in a folder.

It is ended by its process id.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

START_SECONDS = 20


def program(name: str) -> str:
    """A program by its name on PATH, or by its path."""
    found = shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def free_port() -> int:
    """A port that nobody uses now. Redis cannot be told to take any."""
    with closing(socket.socket()) as each:
        each.bind(("127.0.0.1", 0))
        port: int = each.getsockname()[1]
        return port


class RedisServer:
    """A redis-server with these lines of configuration; empty at each start."""

    def __init__(
        self,
        folder: Path,
        *lines: str,
        port: int = 0,
        name: str = "redis",
        server: str = "redis-server",
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.socket = folder / f"{name}.sock"
        self.log = folder / f"{name}.log"
        self._file = folder / f"{name}.conf"
        self._lines = lines
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self, *arguments: str) -> RedisServer:
        """Start it, and wait until it answers."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"unixsocket {self.socket}",
            "save ''",
            "appendonly no",
            f"dir {self.folder}",
            f"pidfile {self.folder}/{self._file.name}.pid",
            *self._lines,
        ]
        self._file.write_text("\n".join(lines).replace("''", '""') + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program(self._server), str(self._file), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            with closing(socket.socket(socket.AF_UNIX)) as probe:
                probe.connect(str(self.socket))
                probe.settimeout(1)
                probe.sendall(b"PING\r\n")
                return probe.recv(1) in (b"+", b"-")  # a password may be asked for
        except OSError:
            return False

    def signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def thaw_if_there(self) -> None:
        if self._process and self._process.poll() is None:
            self.thaw()

    def kill(self) -> None:
        """SIGKILL: nothing is saved, so the next start finds it empty."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, *command: str) -> Any:
        """What redis-cli prints for a command, as root of this Redis."""
        answer = subprocess.run(
            [program("redis-cli"), "-s", str(self.socket), *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return answer.stdout.strip()
