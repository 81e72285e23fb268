"""The server as its users run it: a process on a free port, which tests watch by its log."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Mapping

import yaml

from integration import in_fleet

PATIENCE = 15.0
"""Seconds after which a test gives up on anything it waits for."""

PYTHON = sys.executable
"""The Python that runs the server; `--server-python` sets another."""
SOCKETIO: dict[str, Any] = {}
"""Keys of every server's `socketio` section; `--no-fast-path` sets one."""
ROOT = Path(__file__).parents[2]


def write_config(folder: Path, config: Mapping[str, Any], host: str = "") -> Path:
    """A config file with these keys; it listens on a loopback address unless they name another.

    `host`: of in_fleet.py, the second one beside a server.
    """
    file = folder / f"config{host}.yaml"
    listen = {"host": "127.0.0.1", "port": 0, **config.get("listen", {})}
    if host:
        listen["port"] = 0
    socketio = {**SOCKETIO, **config.get("socketio", {})}
    fleet = in_fleet.section(folder, host or "host-1")
    sections = {**fleet, **config, "listen": listen, **({"socketio": socketio} if socketio else {})}
    file.write_text(yaml.safe_dump(sections))
    return file


class ServerProcess:
    """A running server. Use it as a context manager, which ends the process.

    `arguments` are added to the command line. `lines` are the lines of its log so far. With
    `listening=False` nothing after the line with the URL is read, until `read_on()`. With
    `--fleet=2` it is two: both log to `lines`, and get the signals.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        *arguments: str,
        listening: bool = True,
        host: str = "",
    ) -> None:
        self.lines: list[str] = []
        self._second: ServerProcess | None = None
        self._start_second = functools.partial(ServerProcess, folder, config, *arguments)
        self._has_second = bool(in_fleet.TWO_HOSTS) and not host
        self._changed = threading.Condition()
        self._reads_on = threading.Event()
        if listening:
            self._reads_on.set()
        file = str(write_config(folder, config or {}, host))
        self._process = subprocess.Popen(
            [PYTHON, "-m", "signaling_server", "serve", "--config", file, *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> ServerProcess:
        try:
            self.url = self.wait_for_line(r"listens on (https?://\S+)")[1]
            if self._has_second:
                self._meet()
        except BaseException:
            self._end()
            raise
        self.port = int(self.url.rpartition(":")[2])
        return self

    def _meet(self) -> None:
        """Start the second host; what it logs is among the lines of this one."""
        self._second = self._start_second(host="host-2")
        self._second.__enter__()
        for one, other in (self, "host-2"), (self._second, "host-1"):
            one.wait_for_line(f"host {other} is part of the fleet")
        with self._second._changed:
            self.lines += self._second.lines
            self._second.lines = self.lines
        in_fleet.begin([self.url, self._second.url])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._second is not None:
            in_fleet.end(self.url)
            self._second._end()
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reads_on.set()
        self._reader.join(PATIENCE)
        assert self._process.stderr is not None
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)
        if self._second is not None:
            self._second.send(number)

    async def exit_code(self) -> int:
        """Wait until it ends; returns its exit code."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._process.wait, PATIENCE)

    async def line(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait for a line of the log that matches `pattern`, not looking at the first `after`."""
        return await asyncio.get_running_loop().run_in_executor(
            None, self.wait_for_line, pattern, after
        )

    def read_on(self) -> None:
        """Read the rest of the log."""
        self._reads_on.set()

    def pipe(self) -> int:
        """The descriptor its log is read from."""
        assert self._process.stderr is not None
        return self._process.stderr.fileno()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in iter(self._process.stderr.readline, ""):
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
            if "listens on" in line:
                self._reads_on.wait()
        with self._changed:
            self._changed.notify_all()

    def wait_for_line(self, pattern: str, after: int = 0) -> re.Match[str]:
        """`line` for a test that is not a coroutine."""
        deadline = time.monotonic() + PATIENCE
        seen = after
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    raise AssertionError(f"no {pattern!r} in the log: {self.lines[after:]}")
                self._changed.wait(min(left, 0.5))


def run_to_its_end(*arguments: str, privileged: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends; unless `privileged`, it may not bind low ports."""
    return subprocess.run(
        [PYTHON, "-m", "signaling_server", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        preexec_fn=None if privileged else _drop_net_bind_service,
        check=False,
    )


def _drop_net_bind_service() -> None:
    """Drop the capability to bind low ports before exec, if this is root."""
    pr_capbset_drop, cap_net_bind_service = 24, 10  # prctl(2), capabilities(7)
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(pr_capbset_drop, cap_net_bind_service, 0, 0, 0)
