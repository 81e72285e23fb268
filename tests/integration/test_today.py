"""The Streaming Node and the GCOM now in the field: at most a name in their URL."""

from __future__ import annotations

import asyncio
import itertools
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Coroutine

import pytest

from integration.clients_today import Gcom, StreamingNode
from integration.conftest import Visitors
from integration.server import PATIENCE, ServerProcess

_numbers = itertools.count()


class PaperCall:
    """A call of either side that only records what it is given."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def offer(self) -> dict[str, Any]:
        """An offer with the number of this call."""
        return {"type": "offer", "sdp": f"offer {self.number}"}

    async def answer(self, offer: dict[str, Any]) -> dict[str, Any]:
        """An answer that names its offer."""
        return {"type": "answer", "sdp": f"to {offer['sdp']}"}

    async def accept(self, answer: dict[str, Any]) -> None:
        """Check that it answers this call's offer; to any other WebRTC says InvalidStateError."""
        assert answer["sdp"] == f"to offer {self.number}"
        self.accepted.set_result(answer)

    async def add_candidate(self, candidate: dict[str, Any]) -> None:
        """Ignore it: there is nothing to connect."""

    async def close(self) -> None:
        """Do nothing: there is nothing to hang up."""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a client in the background."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        while not task.done():  # before 3.12, a wait_for that ends just then swallows a cancel
            task.cancel()
            await asyncio.wait([task], timeout=1)


async def _connected(node: StreamingNode, gcom: Gcom) -> None:
    """GCOM has answered, and the node has got the answer to its last offer."""
    await asyncio.wait_for(gcom.calls.get(), PATIENCE)
    assert isinstance(node.call, PaperCall)
    await asyncio.wait_for(node.call.accepted, PATIENCE)
    assert gcom.calls.empty()


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
async def test_node_first(visitors: Visitors, shared_server: ServerProcess, named: bool) -> None:
    node = StreamingNode(visitors.address(name="node" if named else ""), PaperCall)
    seen = len(shared_server.lines)
    async with running(node.run()):
        await shared_server.line(" joined from ", after=seen)
        client = await visitors.join("gcom" if named else "", kind="js-websocket", again=True)
        gcom = Gcom(client, PaperCall)
        async with running(gcom.run()):
            await _connected(node, gcom)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
async def test_gcom_first(visitors: Visitors, named: bool) -> None:
    client = await visitors.join("gcom" if named else "", kind="js-websocket", again=True)
    gcom = Gcom(client, PaperCall)
    node = StreamingNode(visitors.address(name="node" if named else ""), PaperCall)
    async with running(gcom.run()), running(node.run()):
        await _connected(node, gcom)


async def test_named_node_connects_again_after_its_restart(visitors: Visitors) -> None:
    client = await visitors.join("gcom", kind="js-websocket", again=True)
    gcom = Gcom(client, PaperCall)
    async with running(gcom.run()):
        for _ in range(3):
            node = StreamingNode(visitors.address(name="node"), PaperCall)
            async with running(node.run()):
                await _connected(node, gcom)
    assert gcom.refused == []


async def test_gcom_that_reloads_its_page_is_called_again(visitors: Visitors) -> None:
    node = StreamingNode(visitors.address(name="node"), PaperCall)
    async with running(node.run()):
        for _ in range(3):
            client = await visitors.join("gcom", kind="js-websocket", again=True)
            gcom = Gcom(client, PaperCall)
            async with running(gcom.run()):
                await _connected(node, gcom)
            await client.disconnect()


async def test_node_reconnects_by_itself_to_a_restarted_server(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        client = await visitors.join("gcom", kind="js-websocket", again=True, url=server.url)
        gcom = Gcom(client, PaperCall)
        node = StreamingNode(f"{server.url}/?name=node", PaperCall)
        async with running(gcom.run()), running(node.run()):
            await _connected(node, gcom)
            server.send(signal.SIGTERM)
            assert await server.exit_code() == 0
            with ServerProcess(tmp_path, {}, "--port", str(server.port)):
                await _connected(node, gcom)
                await visitors.leave()
