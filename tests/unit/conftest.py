"""Shared by the unit tests: a log that a test reads, and a process without descriptors."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
import time
from contextlib import suppress
from typing import Iterator

import pytest

from signaling_server.logs import journal as journal_module
from signaling_server.logs import pipe as pipe_module
from signaling_server.logs.pipe import LogPipe


def without_time(line: str) -> str:
    stamp, _, rest = line.partition(" ")
    time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")
    return rest


class Reader:
    """Somebody at the other end of a log that goes into a pipe."""

    def __init__(self) -> None:
        self.fd, writing = os.pipe()
        self.stream = os.fdopen(writing, "w")

    def lines_until(self, last: str) -> list[str]:
        """All lines until one with `last` in it; hangs, and so fails, if it never comes."""
        text = ""
        while not (text.endswith("\n") and last in text):
            text += os.read(self.fd, 65536).decode()
        return text.splitlines()

    def rest(self) -> list[str]:
        """All lines until the writer is through."""
        self.stream.close()
        with os.fdopen(self.fd) as reading:
            self.fd = -1
            return reading.read().splitlines()

    def stall(self) -> None:
        """Fill the pipe, so that the next write to it waits until somebody reads."""
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.stream.fileno(), b"#" * 4096)
        os.set_blocking(self.stream.fileno(), True)

    def go_away(self) -> None:
        os.close(self.fd)
        self.fd = -1


@pytest.fixture
def reader():
    reader = Reader()
    yield reader
    if reader.fd >= 0:
        reader.go_away()
    if not reader.stream.closed:
        reader.stream.close()


@pytest.fixture
def setup(monkeypatch, reader):
    """The whole of logging into the reader; all of it undone afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("signaling_server")
    levels = root.level, ours.level
    for switch in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        monkeypatch.setattr(logging, switch, True, raising=False)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setattr(pipe_module, "FLUSH", 20.0)
    pipes = []

    def setup(level: str = "info", format: str = "auto") -> LogPipe:
        pipes.append(pipe_module.setup(level, format, reader.stream))
        return pipes[-1]

    yield setup
    if reader.fd >= 0:
        reader.go_away()  # A writer that is stuck gets an error, and ends.
    for pipe in pipes:
        pipe.close()
        pipe._thread.join(20)
        assert not pipe._thread.is_alive()
        root.removeHandler(pipe)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def journal(monkeypatch, tmp_path):
    """A socket that listens like journald."""
    path = str(tmp_path / "journal")
    monkeypatch.setattr(journal_module, "JOURNAL", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        yield listener


class Hoard:
    """Opens files until the process has no descriptor left."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def take_all(self) -> None:
        with suppress(OSError):
            while True:
                self._descriptors.append(os.open(os.devnull, os.O_RDONLY))

    def give_back(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


@pytest.fixture
def hoard() -> Iterator[Hoard]:
    """For a test in which the process runs out of descriptors."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    hoard = Hoard()
    yield hoard
    hoard.give_back()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
