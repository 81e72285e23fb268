"""A real TURN server (Debian's package coturn) accepts the server's credentials, and no others."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from aioice import stun, turn
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)

from integration.client import PythonClient
from integration.server import ServerProcess
from outside.coturn import Coturn
from signaling_server.core.protocol.turn_credentials import credentials

SECRET = "north"
TEST_SECONDS = 60.0


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a TURN server that knows SECRET."""
    with Coturn(tmp_path_factory.mktemp("coturn"), SECRET, "--no-tls") as running:
        yield running.port


class Peer:
    """An end of a direct connection that must go over a TURN server."""

    def __init__(self, client: PythonClient) -> None:
        self.client = client
        servers = [RTCIceServer(**server) for server in client.welcome["ice_servers"]]
        self.connection = RTCPeerConnection(RTCConfiguration(servers, RTCIceTransportPolicy.RELAY))
        self.heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.connection.on("datachannel", lambda channel: self.listen(channel))

    def listen(self, channel: Any) -> None:
        channel.on("message", self.heard.set_result)

    async def describe(self, kind: str, to: str) -> None:
        """Send an offer or an answer, with candidates of the TURN server only."""
        made = self.connection.createOffer() if kind == "offer" else self.connection.createAnswer()
        await self.connection.setLocalDescription(await made)
        sdp = self.connection.localDescription.sdp
        candidates = [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
        assert candidates
        assert all(" typ relay" in line for line in candidates)
        data = {"type": kind, "sdp": sdp}
        assert (await self.client.call("signal", {"type": kind, "to": to, "data": data}))["ok"]

    async def take(self) -> None:
        """Apply the next description that arrives."""
        data = (await self.client.next("signal"))["data"]
        await self.connection.setRemoteDescription(RTCSessionDescription(**data))

    async def close(self) -> None:
        await self.connection.close()
        await self.client.disconnect()


async def meet(url: str) -> None:
    """Node and GCOM exchange a message over the servers in `welcome`."""
    peers = []
    try:
        for name in ("node", "gcom"):
            client = PythonClient("websocket")
            await client.connect(f"{url}/?name={name}")
            client.welcome = await client.next("welcome")
            peers.append(Peer(client))
        node, gcom = peers
        channel = node.connection.createDataChannel("telemetry")
        channel.on("open", lambda: channel.send("hello over TURN"))
        await node.describe("offer", "gcom")
        await gcom.take()
        await gcom.describe("answer", "node")
        await node.take()
        assert await gcom.heard == "hello over TURN"
    finally:
        for peer in peers:
            await peer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_peers_connect_over_turn_alone(coturn: int, tmp_path: Path, transport: str) -> None:
    (tmp_path / "turn.secret").write_text(SECRET)
    url = f"turn:127.0.0.1:{coturn}?transport={transport}"
    settings = {"urls": [url], "secret_file": str(tmp_path / "turn.secret")}
    with ServerProcess(tmp_path, {"turn": settings}) as server:
        asyncio.run(asyncio.wait_for(meet(server.url), TEST_SECONDS))


def allocate(port: int, username: str, password: str) -> None:
    """Ask for a relay address. Raises TransactionFailed if it is refused."""

    async def ask() -> None:
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, ("127.0.0.1", port), username, password
        )
        transport.close()

    asyncio.run(asyncio.wait_for(ask(), TEST_SECONDS))


def test_turn_accepts_only_unexpired_credentials_of_its_secret(coturn: int) -> None:
    later = int(time.time()) + 600
    username, password = credentials(SECRET, "gcom", later)
    allocate(coturn, username, password)
    for refused in (
        credentials("south", "gcom", later),
        credentials(SECRET, "gcom", int(time.time()) - 60),
        (f"{later + 1}:gcom", password),
        (f"{later}:node", password),
    ):
        with pytest.raises(stun.TransactionFailed) as error:
            allocate(coturn, *refused)
        assert error.value.response.attributes["ERROR-CODE"][0] == 401
