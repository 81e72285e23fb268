"""The messages of the Python client and of aiortc that docs/troubleshooting.md explains.

Each is provoked, so that its heading there is what people see. Those of browsers: tests/browser.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable

import pytest
import socketio
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription

from integration.server import ROOT, ServerProcess

DOCUMENT = ROOT / "docs/troubleshooting.md"


def explained() -> str:
    """The part of the document about messages of clients."""
    return DOCUMENT.read_text().partition("## Messages of clients and browsers")[2]


def headed(message: str) -> bool:
    """Whether a section is headed by a part of this message."""
    return any(text in message for text in re.findall(r"^### `(.*)`$", explained(), re.MULTILINE))


async def fails(url: str, **options: Any) -> str:
    """The error of the Python client that cannot connect."""
    client = socketio.AsyncClient(reconnection=False)
    try:
        with pytest.raises(socketio.exceptions.ConnectionError) as caught:
            await client.connect(url, **options)
    finally:
        await client.shutdown()
    return f"ConnectionError: {caught.value}"


@asynccontextmanager
async def another_program(answer: web.StreamResponse) -> AsyncIterator[str]:
    """A program that answers so to everything; its URL."""

    async def reply(request: web.Request) -> web.StreamResponse:
        return answer

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", reply)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_refused_connect_is_a_namespace_that_failed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        message = await fails(server.url, namespaces=["/other"])
    assert message.startswith("ConnectionError: One or more namespaces failed to connect")
    assert headed(message)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_port_without_a_server(transport: str) -> None:
    ending = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = ending.sockets[0].getsockname()[1]
    ending.close()
    await ending.wait_closed()
    message = await fails(f"http://127.0.0.1:{port}", transports=[transport])
    assert headed(message), message


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (400, "", "Unexpected status code 400 in server response"),
        (200, "6", "OPEN packet not returned by server"),
    ],
)
async def test_another_program_on_the_port(status: int, text: str, message: str) -> None:
    async with another_program(web.Response(status=status, text=text)) as url:
        said = await fails(url, transports=["polling"])
    assert message in said
    assert headed(said)


async def test_descriptions_that_aiortc_cannot_use() -> None:
    async def offer(pc: RTCPeerConnection) -> RTCSessionDescription:
        pc.addTransceiver("video")
        await pc.setLocalDescription(await pc.createOffer())
        return pc.localDescription

    async def said(act: Awaitable[Any]) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011 (any: it is the message that counts)
            await act
        return f"{caught.type.__name__}: {caught.value}"

    caller, callee = RTCPeerConnection(), RTCPeerConnection()
    offered = await offer(caller)
    await callee.setRemoteDescription(offered)
    await callee.setLocalDescription(await callee.createAnswer())
    answer = callee.localDescription
    await caller.setRemoteDescription(answer)
    spoilt = RTCSessionDescription(re.sub(r"a=ice-(ufrag|pwd):.*\r\n", "", offered.sdp), "offer")
    other = RTCPeerConnection()
    messages = [
        await said(caller.setRemoteDescription(answer)),
        await said(other.setRemoteDescription(spoilt)),
    ]
    await offer(other)
    messages.append(await said(other.setRemoteDescription(offered)))
    for pc in (caller, callee, other):
        await pc.close()
    assert [message for message in messages if not headed(message)] == []
