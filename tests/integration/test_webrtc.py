"""Real WebRTC through a real server: video frames and a data-channel message arrive.

The Streaming Node is a process of its own, so that it can be killed. Each test takes about a
second; `--repeat=20` runs each 20 times.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import AsyncIterator

import pytest

from integration.clients_today import Gcom
from integration.conftest import Visitors
from integration.server import PATIENCE, ServerProcess
from integration.test_today import running
from integration.webrtc import Screen

RULES = {"names": [{"name": "node", "user_agent": "Python/*"}, {"name": "gcom"}]}
"""For the clients of these tests: GCOM's is JavaScript, and says no User-Agent."""

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.repeat


@asynccontextmanager
async def streaming_node(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Streaming Node's process, killed at the end of the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integration.webrtc", url, cwd=TESTS
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def _sees(gcom: Gcom, node: asyncio.subprocess.Process) -> None:
    """Wait until this node's video plays and its telemetry has arrived."""
    screen = await asyncio.wait_for(gcom.calls.get(), PATIENCE)
    assert isinstance(screen, Screen)
    try:
        await asyncio.wait_for(screen.plays, PATIENCE)
        assert await asyncio.wait_for(screen.telemetry, PATIENCE) == f"node {node.pid}"
    finally:
        await screen.close()


@pytest.mark.parametrize("name", ["node", ""], ids=["named", "unnamed"])
async def test_gcom_first(visitors: Visitors, name: str) -> None:
    gcom = Gcom(await visitors.join("gcom", kind="js-websocket", again=True), Screen)
    async with running(gcom.run()), streaming_node(visitors.address(name=name)) as node:
        await _sees(gcom, node)


@pytest.mark.parametrize("name", ["node", ""], ids=["named", "unnamed"])
async def test_node_first(visitors: Visitors, shared_server: ServerProcess, name: str) -> None:
    seen = len(shared_server.lines)
    async with streaming_node(visitors.address(name=name)) as node:
        await shared_server.line(" joined from ", after=seen)
        gcom = Gcom(await visitors.join("gcom", kind="js-websocket", again=True), Screen)
        async with running(gcom.run()):
            await _sees(gcom, node)


async def test_call_is_established_again_after_the_node_was_killed(visitors: Visitors) -> None:
    gcom = Gcom(await visitors.join("gcom", kind="js-websocket", again=True), Screen)
    async with running(gcom.run()):
        for _ in range(2):
            async with streaming_node(visitors.address(name="node")) as node:
                await _sees(gcom, node)
    assert gcom.refused == []


async def gcom_without_a_name(visitors: Visitors, server: ServerProcess) -> Gcom:
    """GCOM as it is: it has the URL of the server and nothing else, and a rule names it."""
    client = await visitors.join(kind="js-websocket", again=True, url=server.url)
    assert client.welcome["peer_id"] == "gcom"
    return Gcom(client, Screen)


async def test_named_by_rules_gcom_accepts_a_node_that_restarts(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, RULES) as server:
        gcom = await gcom_without_a_name(visitors, server)
        async with running(gcom.run()):
            for _ in range(3):
                async with streaming_node(server.url) as node:
                    await _sees(gcom, node)
        assert gcom.refused == []
        await visitors.leave()


async def test_named_by_rules_node_calls_a_gcom_that_restarts(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, RULES) as server:
        async with streaming_node(server.url) as node:
            for _ in range(3):
                gcom = await gcom_without_a_name(visitors, server)
                async with running(gcom.run()):
                    await _sees(gcom, node)
                await visitors.leave()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
async def test_named_by_rules_pair_meets_again_after_the_server_was_restarted(
    visitors: Visitors, tmp_path: Path, number: signal.Signals
) -> None:
    with ServerProcess(tmp_path, RULES) as server:
        gcom = await gcom_without_a_name(visitors, server)
        async with running(gcom.run()), streaming_node(server.url) as node:
            await _sees(gcom, node)
            server.send(number)
            await server.exit_code()
            with ServerProcess(tmp_path, RULES, "--port", str(server.port)):
                await _sees(gcom, node)
                assert gcom.refused == []
                await visitors.leave()
