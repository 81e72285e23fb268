"""The log: what it contains, what it never contains, and that it never delays the relay."""

from __future__ import annotations

import asyncio
import fcntl
import re
import struct
import termios
import time
from pathlib import Path
from typing import Any

from integration.conftest import Visitors
from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess

SECRET = "this-is-a-body"
NO_LIMIT = {
    "limits": {"messages_per_second": 1_000_000, "burst": 1_000_000},
    "hold": {"enabled": False},
}
LINES_A_SECOND = 20
"""Lines about one peer; beyond them, one line a second with counts."""


async def test_connections_signals_and_rejections_are_logged_but_no_signal_data(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    transport = "polling" if kind.endswith("polling") else "(websocket|polling)"
    with ServerProcess(tmp_path) as server:
        gcom = await visitors.join("gcom", url=server.url, room="drone-1")
        node = await visitors.join("node", url=server.url, room="drone-1")
        for bad in (
            {"type": SECRET, "data": {"sdp": SECRET}},
            {"type": "offer", "data": SECRET},
            {"type": "offer", "data": {"sdp": SECRET}, "to": 7},
            [SECRET],
            SECRET,
        ):
            await node.call("signal", bad)
        await node.call("signal", {"type": "offer", "data": {"sdp": SECRET}, "to": "gcom"})
        candidate = {"candidate": SECRET, "usernameFragment": SECRET}
        await node.call("signal", {"type": "ice-candidate", "data": candidate, "extra": SECRET})
        await gcom.next("signal")
        await node.disconnect()
        await gcom.next("peer_left")
        await server.line(rf"INFO room drone-1: node joined from 127.0.0.1 over {transport}")
        for code in ("invalid-type", "invalid-data", "invalid-format"):
            await server.line(f"WARNING room drone-1: refused node from 127.0.0.1: {code}: ")
        await server.line(
            r"INFO room drone-1: node sent an offer to gcom \(\d+ bytes\): delivered to 1$"
        )
        await server.line(
            r"room drone-1: node sent candidates to all others \(\d+ bytes\): delivered to 1$"
        )
        await server.line(
            r"INFO room drone-1: connection of node from 127.0.0.1 ended \(\S+\) "
            r"after \d+\.\d s: 7 signals in, 0"
        )
        await server.line(r"INFO room drone-1: node left \(\S+\)")
        assert SECRET not in "\n".join(server.lines)
        await visitors.leave()


async def test_log_level_decides_what_is_logged(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {}, "--log-level", "info") as server:
        async with RawClient(server.url) as node:
            await node.hello()
            await server.line(" joined from ")
    # ServerProcess waits for the line with the URL, which is INFO: no level above it is tested.
    with ServerProcess(tmp_path, {}, "--log-level", "debug") as server:
        assert not [line for line in server.lines if "engineio" in line or "socketio" in line]


async def test_flood_of_good_and_bad_signals_does_not_flood_the_log(tmp_path: Path) -> None:
    signals = 1000
    with ServerProcess(tmp_path, NO_LIMIT) as server:
        async with RawClient(server.url, name="node") as node:
            await node.hello()
            before = len(server.lines)
            since = time.monotonic()
            for _ in range(signals):
                await node.send('42["signal",{"type":"answer","data":{}}]')
                await node.send('42["signal",{"type":"bogus","data":{}}]')
            for _ in range(signals):
                await node.next("error")
            await _counted(server, before, "signals", r"delivered to 0", signals)
            await _counted(server, before, "rejections", r"invalid-type: ", signals)
            seconds = int(time.monotonic() - since) + 1
        lines = server.lines[before:]
    assert len(lines) <= 2 * (LINES_A_SECOND + seconds) + 5


async def _counted(
    server: ServerProcess, after: int, noun: str, single: str, expected: int
) -> None:
    """Wait until single lines and sums together account for `expected` events."""
    deadline = time.monotonic() + PATIENCE
    while True:
        lines = server.lines[after:]
        sums = [re.search(rf"node: (\d+) more {noun} in the last", line) for line in lines]
        told = sum(int(found[1]) for found in sums if found)
        told += sum(1 for line in lines if single in line)
        if told == expected:
            return
        assert time.monotonic() < deadline, lines
        await asyncio.sleep(0.05)


async def test_flood_of_malformed_packets_does_not_flood_the_log(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"limits": {"bad_packets": 100_000}}) as server:
        async with RawClient(server.url, name="node") as node:
            await node.hello()
            before = len(server.lines)
            for packet in ("4abc", "42{}", "49", "7", "42[1]") * 200:
                await node.send(packet)
            await _counted(server, before, "rejections", "invalid-format: ", 1000)
            lines = server.lines[before:]
    assert len(lines) <= LINES_A_SECOND + 10
    assert "Traceback" not in "\n".join(lines)


async def test_stalled_reader_of_the_log_does_not_stall_the_relay(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, NO_LIMIT, listening=False) as server:
        fcntl.fcntl(server.pipe(), fcntl.F_SETPIPE_SZ, 4096)
        # One client writes at most LINES_A_SECOND, so it takes many to fill the pipe.
        clients = [RawClient(server.url, room=f"room-{number}") for number in range(40)]
        for client in clients:
            async with client:
                await client.hello()
        assert _waiting(server) > 3000, "the pipe is not full, so nobody stalls"
        async with RawClient(server.url, name="node") as node, RawClient(server.url) as gcom:
            await node.hello()
            await gcom.hello()
            slowest = 0.0
            for _ in range(200):
                since = time.monotonic()
                await node.send('42["signal",{"type":"answer","data":{}}]')
                await gcom.next("signal")
                slowest = max(slowest, time.monotonic() - since)
            assert slowest < 1.0
        server.read_on()
        await server.line("node left")


def _waiting(server: ServerProcess) -> int:
    """Bytes in the pipe from which the log is read."""
    empty: Any = struct.pack("i", 0)
    return int(struct.unpack("i", fcntl.ioctl(server.pipe(), termios.FIONREAD, empty))[0])
