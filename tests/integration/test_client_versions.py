"""Released versions of the client libraries pass an offer and an answer, or are refused in words.

Each version is installed from its registry, so this is part of `make soak`. With `-s` it prints the
releases: the table of docs/coming-from-the-old-server.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess
from needs import require_javascript

pytestmark = pytest.mark.soak

JAVASCRIPT = ["3.1", *(f"4.{minor}" for minor in range(9))]
PYTHON = [f"5.{minor}" for minor in range(19)]

JAVASCRIPT_CLIENT = """
const found = require("socket.io-client");
const socket = (found.io ?? found)(process.argv[2], { transports: ["websocket"] });
socket.on("connect", () => socket.emit("signal", { type: "offer", data: {} }));
socket.on("signal", ({ type }) => { console.log(type); process.exit(); });
"""
PYTHON_CLIENT = """
import asyncio, sys
import socketio

async def main():
    sio = socketio.AsyncClient()
    heard = asyncio.get_running_loop().create_future()
    sio.on("signal", lambda signal: heard.set_result(signal["type"]))

    @sio.event
    async def connect():  # python-socketio 5.0 returns from connect() before it is connected
        await sio.emit("signal", {"type": "offer", "data": {}})

    await sio.connect(sys.argv[1], transports=["websocket"])
    print(await heard, flush=True)
    await sio.disconnect()

asyncio.run(main())
"""


async def answer_for(server: ServerProcess, command: list[str], folder: Path) -> str:
    """What the client prints: the type of the signal that answers its offer."""
    async with RawClient(server.url, name="gcom") as gcom:
        await gcom.hello()
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        client = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            offer = json.loads((await gcom.next("signal"))[2:])[1]
            assert offer["type"] == "offer"
            answer = {"type": "answer", "data": {}, "to": offer["from"]}
            await gcom.send(f"42{json.dumps(['signal', answer])}")
            output, _ = await asyncio.wait_for(client.communicate(), PATIENCE)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()
    return output.decode().strip()


def npm_install(version: str, folder: Path) -> list[str]:
    """Install that version; returns the command of the client, without its URL."""
    require_javascript()
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    subprocess.run([*install, f"socket.io-client@{version}"], cwd=folder, check=True)
    package = folder / "node_modules" / "socket.io-client" / "package.json"
    print(f"TRIED socket.io-client {json.loads(package.read_text())['version']}")
    (folder / "client.cjs").write_text(JAVASCRIPT_CLIENT)
    return ["node", "client.cjs"]


@pytest.mark.parametrize("version", JAVASCRIPT)
async def test_javascript_client_works(tmp_path: Path, version: str) -> None:
    command = npm_install(version, tmp_path)
    with ServerProcess(tmp_path) as server:
        assert await answer_for(server, [*command, server.url], tmp_path) == "answer"


def pip_install(version: str, folder: Path) -> list[str]:
    """Install that version; returns the command of the client, without its URL."""
    install = [sys.executable, "-m", "pip", "install", "-qq", "--target", str(folder)]
    subprocess.run([*install, f"python-socketio=={version}.*"], check=True)
    for found in folder.glob("python_*io-*.dist-info"):
        print(f"TRIED {found.name[: -len('.dist-info')]}")
    (folder / "client.py").write_text(PYTHON_CLIENT)
    return [sys.executable, "client.py"]


@pytest.mark.parametrize("version", PYTHON)
async def test_python_client_works(tmp_path: Path, version: str) -> None:
    command = pip_install(version, tmp_path)
    with ServerProcess(tmp_path) as server:
        assert await answer_for(server, [*command, server.url], tmp_path) == "answer"


@pytest.mark.parametrize("version", ["1.7", "2.5"])
def test_old_javascript_client_is_refused_in_words(tmp_path: Path, version: str) -> None:
    command = npm_install(version, tmp_path)
    with ServerProcess(tmp_path) as server:
        client = subprocess.Popen([*command, server.url], cwd=tmp_path)
        try:
            server.wait_for_line(r"refused a client from .*: Socket\.IO client 1\.x or 2\.x")
        finally:
            client.kill()
            client.wait()
