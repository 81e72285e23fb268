"""Real calls for the clients now in the field, made with aiortc: video and a data channel.

As a program: a Streaming Node that a test can kill. `python -m integration.webrtc URL`
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp

from integration.clients_today import StreamingNode

FRAMES = 5
"""Frames after which the video counts as playing."""


def _connection() -> RTCPeerConnection:
    return RTCPeerConnection(
        RTCConfiguration(iceServers=[])
    )  # no STUN: both ends are on this machine


def _description(connection: RTCPeerConnection) -> dict[str, Any]:
    local = connection.localDescription
    return {"sdp": local.sdp, "type": local.type}


class Camera:
    """The node's end: sends video, and its process id as telemetry."""

    def __init__(self) -> None:
        self._connection = _connection()
        self._connection.addTrack(VideoStreamTrack())
        channel = self._connection.createDataChannel("telemetry")
        channel.on("open", lambda: channel.send(f"node {os.getpid()}"))

    async def offer(self) -> dict[str, Any]:
        """The `data` of the offer."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return _description(self._connection)

    async def accept(self, answer: dict[str, Any]) -> None:
        """Take the `data` of the answer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(**answer))

    async def add_candidate(self, data: dict[str, Any]) -> None:
        """Take the `data` of a candidate, as browsers write it."""
        candidate = candidate_from_sdp(data["candidate"].partition(":")[2])
        candidate.sdpMid, candidate.sdpMLineIndex = data["sdpMid"], data["sdpMLineIndex"]
        await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()


class Screen:
    """GCOM's end: receives video and telemetry."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.telemetry: asyncio.Future[str] = loop.create_future()
        self.plays: asyncio.Future[None] = loop.create_future()
        """Done when FRAMES frames have arrived."""
        self._watching: asyncio.Task[None] | None = None
        self._connection = _connection()
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_datachannel)

    def _on_datachannel(self, channel: Any) -> None:
        channel.on("message", self.telemetry.set_result)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch(track))

    async def _watch(self, track: MediaStreamTrack) -> None:
        for _ in range(FRAMES):
            await track.recv()
        self.plays.set_result(None)

    async def answer(self, offer: dict[str, Any]) -> dict[str, Any]:
        """The `data` of the answer to the `data` of an offer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(**offer))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return _description(self._connection)

    async def close(self) -> None:
        """Hang up."""
        if self._watching is not None:
            self._watching.cancel()
        await self._connection.close()


if __name__ == "__main__":
    asyncio.run(StreamingNode(sys.argv[1], Camera).run())
