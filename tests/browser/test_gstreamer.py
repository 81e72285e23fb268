"""docs/examples/gstreamer_node.py: no viewer disturbs another, a branch that is stuck is built
again, and `welcome`'s TURN server carries the video where there is no other way.
"""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from faults.gstreamer import EXAMPLE
from faults.network import Network
from faults.programs import ROOT, Program
from integration.server import ServerProcess, write_config

GCOM = (sys.executable, str(ROOT / "docs/examples/gcom.py"), "--frames")
STALLABLE = str(ROOT / "tests/browser/stalled_branch.py")
TURN = "10.77.9.1"
"""The TURN server's address, on the relay's machine, which the two others have a route to."""
SECRET = "north"


def peer(name: str) -> tuple[str, ...]:
    return ("--name", name, "--role", name, "--room", "drone-1")


@contextlib.contextmanager
def started(*command: str) -> Iterator[Program]:
    with Program(command) as program:
        program.start()
        yield program


def seen(program: Program, more: int = 30) -> None:
    """Wait until a GCOM has shown more frames than now."""
    program.wait_for(": frame ", program.count(": frame ") + more)


@pytest.mark.soak
def test_stalled_branch_is_built_again_and_the_other_viewer_is_not_disturbed(
    tmp_path: Path, gstreamer_python: str
) -> None:
    with ServerProcess(tmp_path) as server, contextlib.ExitStack() as exits:
        command = (gstreamer_python, STALLABLE, "second", server.url, *peer("streaming-node"))
        node = exits.enter_context(started(*command))
        first, second = (
            exits.enter_context(started(*GCOM, server.url, *peer(name)))
            for name in ("first", "second")
        )
        for gcom in (first, second):
            seen(gcom)
        node.send(signal.SIGUSR1)
        node.wait_for("second: no picture passes: it is called again")
        node.wait_for("second: connected", 2)
        seen(second)
        seen(first)
        assert node.count("second: stalled") == 1
        assert node.count("first: connected") == 1
        longest = max(b - a for a, b in zip(first.frames, first.frames[1:]))
        assert longest < 2.0  # the stall lasts longer than 5 s
        stalled = max(b - a for a, b in zip(second.frames, second.frames[1:]))
        assert stalled > 4.0
        print(f"stalled for {stalled:.1f} s; the other viewer for {longest:.1f} s")


PATHLESS = """
import asyncio, re, sys
import socketio
from aiortc import RTCPeerConnection, RTCSessionDescription

async def main():
    sio = socketio.AsyncClient()
    calls = []

    @sio.on("signal")
    async def answer(signal):
        if signal["type"] != "offer":
            return
        pc = RTCPeerConnection()
        calls.append(pc)
        await pc.setRemoteDescription(RTCSessionDescription(**signal["data"]))
        await pc.setLocalDescription(await pc.createAnswer())
        sdp = re.sub(r"a=ice-pwd:\\S+", "a=ice-pwd:" + 24 * "x", pc.localDescription.sdp)
        data = {"type": "answer", "sdp": sdp}
        await sio.emit("signal", {**signal, "type": "answer", "data": data, "to": signal["from"]})
        print("answered", flush=True)

    await sio.connect(f"{sys.argv[1]}/?room=drone-1&name=pathless", transports=["websocket"])
    await sio.wait()

asyncio.run(main())
"""
"""A peer that answers, and for which ICE finds no path: it tells a wrong password."""


def test_viewer_that_does_not_connect_does_not_stop_the_camera(
    tmp_path: Path, gstreamer_python: str
) -> None:
    with ServerProcess(tmp_path) as server, contextlib.ExitStack() as exits:
        command = (gstreamer_python, str(EXAMPLE), server.url, *peer("streaming-node"))
        node = exits.enter_context(started(*command))
        exits.enter_context(started(sys.executable, "-c", PATHLESS, server.url))
        node.wait_for("pathless: failed")  # the watchdog would be sooner
        assert node.count("camera: ") == 0
        seen(exits.enter_context(started(*GCOM, server.url, *peer("gcom"))))


def test_turn_server_of_welcome_carries_the_video(tmp_path: Path, gstreamer_python: str) -> None:
    """The two reach the relay's machine, and not each other."""
    (tmp_path / "turn.secret").write_text(SECRET)
    settings = {"urls": [f"turn:{TURN}:3478"], "secret_file": str(tmp_path / "turn.secret")}
    config = {"listen": {"host": "0.0.0.0", "port": 8080}, "turn": settings}
    serve = ("-m", "signaling_server", "serve", "--config", str(write_config(tmp_path, config)))
    options = f"""
        --no-tls --no-dtls --no-cli --no-rfc5780 --log-file=stdout --realm=hawkeye --verbose
        --listening-ip={TURN} --relay-ip={TURN} --use-auth-secret --static-auth-secret={SECRET}
        --userdb={tmp_path}/db --pidfile={tmp_path}/pid
    """
    with Network() as network, contextlib.ExitStack() as exits:

        def on(machine: str, *command: str) -> Program:
            return exits.enter_context(started(*network.command(machine, *command)))

        for machine in ("drone", "ground"):
            network.lose_addresses(machine, "media")
        run = functools.partial(subprocess.run, check=True)
        run(network.command("relay", "ip", "address", "add", f"{TURN}/32", "dev", "lo"))
        for machine in ("drone", "ground"):
            gateway = network.url(machine).split("/")[2].partition(":")[0]
            run(network.command(machine, "ip", "route", "add", TURN, "via", gateway))
        coturn = on("relay", "turnserver", "-n", *options.split())
        coturn.wait_for("listener opened on", 2)  # UDP and TCP
        on("relay", sys.executable, *serve).wait_for("listens on")
        on("drone", gstreamer_python, str(EXAMPLE), network.url("drone"), *peer("streaming-node"))
        gcom = on("ground", *GCOM, network.url("ground"), *peer("gcom"))
        seen(gcom)
        users = {
            found[1]
            for _, line in coturn.lines
            if (found := re.search(r"user <\d+:([\w-]+)>.*ALLOCATE processed, success", line))
        }
        assert "streaming-node" in users, coturn.lines[-20:]
