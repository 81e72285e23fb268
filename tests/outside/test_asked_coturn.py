"""The server asks a real TURN server (Debian's package coturn), and releases what it allocates."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from integration.client import PythonClient
from integration.credentials import make_ca, make_certificate
from integration.server import PATIENCE, ServerProcess, run_to_its_end, write_config
from outside.coturn import Coturn, free_port
from signaling_server.appliance.ice_asker import ask
from signaling_server.appliance.resolver import Resolver
from signaling_server.core.ice.stun_url import target
from signaling_server.core.ice.verdict import Said
from signaling_server.core.protocol.turn_credentials import credentials

SECRET = "north"
TEST_SECONDS = 90.0


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    folder = tmp_path_factory.mktemp("coturn")
    make_ca(folder)
    certificate, key = make_certificate(folder, "server")
    with Coturn(folder, SECRET, f"--cert={certificate}", f"--pkey={key}") as running:
        yield running


def asked(url: str, secret: str = SECRET, name: str = "asker", patience: float = 5.0) -> Said:
    login = credentials(secret, name, int(time.time()) + 600)

    async def scene() -> Said:
        return await ask(target(url, *login), Resolver().resolve, patience)

    return asyncio.run(scene())


def allocations(coturn: Coturn, name: str) -> int:
    """How many allocations for `name` the TURN server has not released yet."""
    lines = [line for line in coturn.log().splitlines() if f":{name}>" in line]
    made = [line for line in lines if "ALLOCATE processed, success" in line]
    released = [line for line in lines if "lifetime=0" in line]
    assert made
    return len(made) - len(released)


@pytest.mark.parametrize(
    "url",
    [
        "stun:127.0.0.1:{port}",
        "stun:[::1]:{port}",
        "stuns:127.0.0.1:{tls}",
        "turn:localhost:{port}",
        "turn:[::1]:{port}",
        "turn:127.0.0.1:{port}?transport=tcp",
        "turn:[::1]:{port}?transport=tcp",
        "turns:127.0.0.1:{tls}",
        "turns:[::1]:{tls}?transport=tcp",
    ],
)
def test_server_answers_over_each_transport_and_nothing_stays_allocated(
    coturn: Coturn, url: str
) -> None:
    name = re.sub(r"\W", "-", url)
    said = asked(url.format(port=coturn.port, tls=coturn.tls_port), name=name)
    assert said.answer is not None, said
    assert said.answer.refusal == ""
    assert said.answer.rtt is not None
    if url.startswith("turn"):
        deadline = time.monotonic() + PATIENCE
        while allocations(coturn, name):  # its log is written a little later
            assert time.monotonic() < deadline, coturn.log()
            time.sleep(0.05)


def test_wrong_secret_is_an_answer(coturn: Coturn) -> None:
    said = asked(f"turn:127.0.0.1:{coturn.port}", secret="south")
    assert said.answer is not None
    assert said.answer.refusal == "401 Unauthorized"


def test_stale_nonce_is_an_answer(tmp_path: Path) -> None:
    """A nonce that lives for a second is stale at times: the newer one is used."""
    with Coturn(tmp_path, SECRET, "--no-tls", "--stale-nonce=1") as coturn:
        for _ in range(3):
            said = asked(f"turn:127.0.0.1:{coturn.port}")
            assert said.answer is not None
            assert said.answer.refusal in ("", "438 Stale nonce", "438 Wrong nonce")


def test_socket_that_never_answers_is_none(coturn: Coturn) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as hole, socket.socket() as listener:
        hole.bind(("127.0.0.1", 0))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        for url in (
            f"stun:127.0.0.1:{hole.getsockname()[1]}",
            f"turn:127.0.0.1:{listener.getsockname()[1]}?transport=tcp",
            f"turns:127.0.0.1:{listener.getsockname()[1]}",
        ):
            assert asked(url, patience=0.5).reason == "no answer within 0.5 s"


def status(server: ServerProcess) -> Any:
    with urllib.request.urlopen(f"{server.url}/api/status") as answer:
        return json.load(answer)


async def rows(server: ServerProcess, *states: str) -> dict[str, Any]:
    """The ICE servers in /api/status, by URL, once they have these states."""
    while True:
        found = status(server)["ice_servers"]
        if sorted(row["state"] for row in found) == sorted(states):
            return {row["url"]: row for row in found}
        await asyncio.sleep(0.1)


async def gathering(server: ServerProcess) -> tuple[list[str], float]:
    """The ICE URLs in `welcome`, and how many seconds aiortc gathers candidates with them."""
    client = PythonClient("websocket")
    await client.connect(f"{server.url}/?name=node")
    servers = (await client.next("welcome"))["ice_servers"]
    connection = RTCPeerConnection(RTCConfiguration([RTCIceServer(**each) for each in servers]))
    connection.createDataChannel("telemetry")
    started = time.monotonic()
    await connection.setLocalDescription(await connection.createOffer())
    seconds = time.monotonic() - started
    await connection.close()
    await client.disconnect()
    return [url for each in servers for url in each["urls"]], seconds


def test_silent_server_is_shown_withheld_and_back_again(coturn: Coturn, tmp_path: Path) -> None:
    """Over 30 s, as in the field; a reload turns the withholding on."""
    port = free_port()
    stun, turn = f"stun:127.0.0.1:{port}", f"turn:127.0.0.1:{coturn.port}"
    (tmp_path / "secret").write_text(SECRET)
    config: dict[str, Any] = {
        "ice_servers": [{"urls": stun}],
        "turn": {"urls": [turn], "secret_file": str(tmp_path / "secret")},
    }

    async def scene(server: ServerProcess, hole: socket.socket) -> None:
        found = await rows(server, "answers", "silent")
        await server.line(f"ICE server {stun}: silent for \\d+ s")
        assert found[turn]["text"] == "it answers"
        assert found[turn]["rtt_ms"] >= 0
        assert found[stun]["state"] == "silent"
        assert "5 s" in found[stun]["text"]
        (finding,) = (each for each in status(server)["diagnosis"] if each["code"][:4] == "ice-")
        assert "ice_check: {withhold: true}" in finding["advice"]
        shown = run_to_its_end("status", "--url", server.url).stdout
        assert re.search(rf"(?m)^  {stun} +silent for \d+ s \(no answer within 5 s\)", shown)
        urls, seconds = await gathering(server)
        assert stun in urls
        print(f"aiortc gathers candidates in {seconds:.2f} s with a silent server,")
        sections = {**config, "ice_check": {"withhold": True}}
        write_config(tmp_path, sections)
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        urls, faster = await gathering(server)
        assert urls == [turn]
        print(f"in {faster:.2f} s without it")
        assert seconds - faster > 3
        hole.close()
        with Coturn(tmp_path, SECRET, "--no-tls", port=port):
            await server.line(f"ICE server {stun}: it answers")
            urls, _ = await gathering(server)
            assert urls == [stun, turn]
        changes = [text for text in server.lines if "ICE server" in text]
        assert [stun in text for text in changes].count(True) == 2, changes

    with socket.socket(type=socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", port))
        with ServerProcess(tmp_path, config) as server:
            asyncio.run(asyncio.wait_for(scene(server, hole), TEST_SECONDS))
    assert SECRET not in "\n".join(server.lines)
