"""Faults of the machine: no descriptors, full disk, dead links, jumping clock, slow clients."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attack.crowd import PATIENCE, Pair, Usage
from attack.mutator import HEADS
from framing import frame
from integration.inside import running
from integration.server import PYTHON, ROOT, ServerProcess, write_config


async def talk(pair: Pair, count: int = 20) -> float:
    """Exchange signals; returns the seconds of the slowest exchange."""
    slowest = 0.0
    for _ in range(count):
        since = time.monotonic()
        await pair.exchange()
        slowest = max(slowest, time.monotonic() - since)
    return slowest


def test_without_descriptors_connected_clients_go_on_and_later_ones_get_in(tmp_path: Path) -> None:
    async def scene(server: ServerProcess) -> None:
        pair = await Pair.meet(server.port)
        most = Usage(server).descriptors + 20
        pid = server.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        await server.line("connection limit reached; 1 connections refused so far")
        assert await talk(pair) < 1.0
        for caller in crowd:
            caller.close()
        (await Pair.meet(server.port)).leave()
        pair.leave()

    with ServerProcess(tmp_path) as server:
        asyncio.run(scene(server))
        assert "Traceback" not in "\n".join(server.lines)


@pytest.mark.parametrize("start", ["", "G", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
def test_slow_clients_do_not_lock_others_out(tmp_path: Path, start: str) -> None:
    async def scene(server: ServerProcess) -> None:
        slow_clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        for client in slow_clients:
            client.sendall(start.encode())
        pair = await Pair.meet(server.port)
        assert await talk(pair) < 1.0
        deadline = time.monotonic() + PATIENCE
        while start in ("", "G") and Usage(server).descriptors > 40:
            assert time.monotonic() < deadline, "they are still there"
            await asyncio.sleep(0.1)
        for client in slow_clients:
            client.close()
        pair.leave()

    with ServerProcess(tmp_path, {"limits": {"connect_deadline": 0.5}}) as server:
        asyncio.run(scene(server))


def test_ping_timeout_disconnects_a_half_open_peer(tmp_path: Path) -> None:
    """It reads and answers nothing, and its TCP connection does not end."""

    async def scene(server: ServerProcess) -> None:
        dead = socket.create_connection(("127.0.0.1", server.port))
        dead.sendall(HEADS[3] + frame(b'40{"name":"dead"}'))
        await server.line("dead joined")
        await server.line(r"room default: dead left \(ping-timeout\)")
        dead.close()

    config = {"socketio": {"ping_interval": 1, "ping_timeout": 1}}
    with ServerProcess(tmp_path, config) as server:
        asyncio.run(scene(server))


@pytest.mark.parametrize("years", [56, -56])
def test_clock_that_jumps_disturbs_nothing(monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    async def scene() -> None:
        quick = {"ping_interval": 1, "ping_timeout": 1}
        config = {"socketio": quick, "hold": {"max_age": 3600}}
        async with running(config) as server:
            port = int(server.url.rpartition(":")[2])
            pair = await Pair.meet(port)
            real = time.time
            with monkeypatch.context() as jump:
                jump.setattr(time, "time", lambda: real() + years * 365 * 86400)
                until = time.monotonic() + 3.5  # a few pings
                while time.monotonic() < until:
                    await pair.exchange()
                    await asyncio.sleep(0.02)  # within limits.messages_per_second
                (await Pair.meet(port)).leave()
                unset = "the system clock is not set: expiry dates are not checked"
                assert (unset in server.app.report.warnings()) == (years < 0)
            await pair.exchange()
            pair.leave()

    asyncio.run(scene())


def test_full_disk_under_the_log_does_not_stop_the_relay(tmp_path: Path) -> None:
    async def scene(port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        pair = await Pair.meet(port)
        assert await talk(pair) < 1.0
        pair.leave()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = write_config(tmp_path, {"listen": {"port": port}})
    full = os.open("/dev/full", os.O_WRONLY)
    command = [PYTHON or sys.executable, "-m", "signaling_server", "serve", "--config", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=full)
    try:
        asyncio.run(scene(port))
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(full)
