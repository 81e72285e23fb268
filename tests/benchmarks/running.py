"""What a measurement needs is started on core 0, and ended, each process by its id."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from benchmarks.build import BUILD, environment
from benchmarks.rows import Run
from benchmarks.servers import Server
from fleet.redis_server import RedisServer, free_port

CORE = 0
HOSTS = ("a", "b")
TO_START, TO_MEET = 20, 20
"""Seconds at most."""


class DoesNotStartError(Exception):
    """A server does not answer in time; says what it wrote."""


class Running(NamedTuple):
    """What was started."""

    pids: Sequence[int]
    """All processes whose CPU counts; of a fleet the first host, the second and Redis."""
    ports: Sequence[int]
    """Those that clients call in turns."""
    start_ms: float
    """From exec to its answering; of a fleet, of its first host."""


class _Process(NamedTuple):
    pid: int
    port: int
    start_ms: float


@contextmanager
def running(server: Server, run: Run) -> Iterator[Running]:
    """What a run needs: a server, or a fleet of them with a Redis of its own.

    Raises DoesNotStartError.
    """
    if run.fleet:
        with _fleet(server, run.fleet == "across") as started:
            yield started
    else:
        command = (server.secure if run.tls else server.command) or []
        with _process(command, server.folder, run.tls) as (pid, port, start):
            yield Running([pid], [port], start)


@contextmanager
def _fleet(server: Server, across: bool) -> Iterator[Running]:
    assert server.host, "Server.does() has said no"
    with ExitStack() as started:
        redis = started.enter_context(_redis())
        hosts = [
            started.enter_context(_process(server.host(redis.url, name), server.folder, name=name))
            for name in HOSTS
        ]
        ports = [host.port for host in hosts]
        give_up = time.monotonic() + TO_MEET
        while not _together(server, ports, redis):
            if time.monotonic() > give_up:
                raise DoesNotStartError(f"hosts do not meet: {' '.join(server.command)}")
            time.sleep(0.05)
        pids = [*(host.pid for host in hosts), redis.pid]
        yield Running(pids, ports if across else ports[:1], hosts[0].start_ms)


def _together(server: Server, ports: Sequence[int], redis: RedisServer) -> bool:
    try:
        return server.together(ports, redis)
    except OSError:  # no answer yet
        return False


@contextmanager
def _redis() -> Iterator[RedisServer]:
    """An empty redis-server."""
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        redis = RedisServer(Path(folder))
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {CORE})  # what is started inherits it, with all its threads
        try:
            redis.start()
        finally:
            os.sched_setaffinity(0, own)
        try:
            yield redis
        finally:
            redis.kill()


@contextmanager
def _process(
    command: Sequence[str], folder: Path, tls: bool = False, name: str = ""
) -> Iterator[_Process]:
    port = free_port()
    words = ["taskset", "-c", str(CORE), *(part.replace("{port}", str(port)) for part in command)]
    log = BUILD / f"server{name}.log"
    started = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            words, cwd=folder, env=environment(folder), stdout=out, stderr=out
        )
    try:
        while not _answers(port, tls):
            if process.poll() is not None or time.monotonic() > started + TO_START:
                raise DoesNotStartError(f"{' '.join(words)}: {log.read_text()[-500:]}")
            time.sleep(0.0005)
        yield _Process(process.pid, port, (time.monotonic() - started) * 1000)
    finally:
        process.kill()
        process.wait()


def _answers(port: int, tls: bool) -> bool:
    """Whether a GET is answered, whatever the answer is; under TLS, whether it accepts."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TO_START) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return tls or bool(connection.recv(1))
    except ConnectionError:
        return False
