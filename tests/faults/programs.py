"""Programs under supervision like systemd's: one that ends is restarted a second later.

Each has a process group of its own, which gets the signals: a browser is more than one process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Sequence

RESTART_SECONDS = 1.0
"""RestartSec of hawkeye-signaling.service."""
PATIENCE = 45.0
ROOT = Path(__file__).parents[2]


class Program:
    """One program, over all its runs. Use it as a context manager, which ends the process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._ending = False
        self._ended_by_us = False
        self._restarts_now = threading.Event()
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.lines: list[tuple[float, str]] = []
        """Its output, each line with its time (monotonic, s)."""
        self.falls = 0
        """How often it ended by itself."""

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        if self._process is not None:
            self.send(signal.SIGKILL)
            self._restarts_now.set()
            self._keeper.join()

    def start(self) -> float:
        """Start it for the first time; returns the time (monotonic, s)."""
        self._run()
        self._keeper.start()
        return time.monotonic()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and keep it down until `resume`."""
        assert self._process is not None
        self._restarts_now.clear()
        self._ended_by_us = True
        self.send(number)
        self._process.wait(PATIENCE)

    def resume(self) -> float:
        """Start it after `stop`; returns the time (monotonic, s)."""
        self._restarts_now.set()
        return time.monotonic()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program, and to the processes that it started."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._process.pid, number)

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait for `text` in that many lines."""
        with self._changed:
            self._changed.wait_for(lambda: self.count(text) >= count or self.falls, PATIENCE)
        last = [line for _, line in self.lines[-20:]]
        assert self.count(text) >= count, f"no {text!r} in {last}"

    def count(self, text: str) -> int:
        """The number of lines with `text`."""
        return sum(text in line for _, line in self.lines)

    @property
    def frames(self) -> list[float]:
        """The times at which it received video frames (monotonic, s)."""
        return [at for at, line in self.lines if ": frame " in line]

    def _run(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def _keep(self) -> None:
        while True:
            self._read()
            if self._ending:
                return
            if not self._ended_by_us:
                with self._changed:
                    self.falls += 1
                    last = [line for _, line in self.lines[-20:]]
                    self._changed.notify_all()
                print(f"{self._command[-2:]} ended by itself:", *last, sep="\n")
                time.sleep(RESTART_SECONDS)
            if self._ended_by_us:
                self._restarts_now.wait()
                self._ended_by_us = False
            if self._ending:
                return
            self._run()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process, contextlib.suppress(ValueError):
            for line in self._process.stdout:
                with self._changed:
                    self.lines.append((time.monotonic(), line.rstrip("\n")))
                    self._changed.notify_all()
