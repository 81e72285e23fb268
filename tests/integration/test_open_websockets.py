"""A reload reaches WebSockets that are open already."""

from __future__ import annotations

import asyncio

import pytest

from integration.inside import Inside, running
from integration.raw import RawClient
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, LimitsSettings

SIGNAL_BYTES = 1_200_000
"""More than a frame may have by default, and less than it may have after the reload."""
LARGER = LimitsSettings(message_bytes=2_000_000, send_queue_bytes=4_000_000)


def reload(server: Inside, limits: LimitsSettings) -> None:
    """What a reload does once the files are read."""
    server.app.settings.replace(Loaded(Config(limits=limits), {}))


def offer(sdp: str) -> str:
    return f'42["signal",{{"type":"offer","data":{{"sdp":"{sdp}"}}}}]'


@pytest.mark.parametrize("before", ["", "a signal", "a ping"])
async def test_larger_signals_are_relayed_over_websockets_that_were_open(before: str) -> None:
    async with running() as server, RawClient(server.url) as node, RawClient(server.url) as gcom:
        await node.hello()
        await gcom.hello()
        if before == "a ping":
            await node._socket.ping(b"are you there")
        if before:
            await node.send(offer("small"))
            await gcom.next("signal")
        reload(server, LARGER)
        for sdp in ("x" * SIGNAL_BYTES, "and on it goes"):
            await node.send(offer(sdp))
            assert sdp in await gcom.next("signal")


async def test_frame_limit_that_was_lowered_holds_for_open_websockets_too() -> None:
    limits = {"message_bytes": 2_000_000, "send_queue_bytes": 4_000_000}
    async with running({"limits": limits}) as server, RawClient(server.url) as node:
        await node.hello()
        reload(server, LimitsSettings())
        await node.send(offer("x" * SIGNAL_BYTES))
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(node.next("error"), 10)
