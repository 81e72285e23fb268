"""The Python examples, and small clients, each with one fault of its own:

python faulty.py FAULT URL
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any, Callable, Coroutine

import socketio
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import VideoStreamTrack
from av import Packet, VideoFrame
from camera import Camera

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

from gcom import GCOM
from streaming_node import StreamingNode

Program = Callable[[str], Coroutine[Any, Any, None]]
STILL_AFTER = 40
"""Frames after which a camera stands still."""
GARBLED_BYTES = 3000
"""Of a picture: about 700 kbit/s."""


HIGH = "profile-level-id=640032"


class DarkCamera(VideoStreamTrack):
    """A camera that never gives a frame."""

    async def recv(self) -> VideoFrame:
        """Wait for a frame that does not come."""
        await asyncio.Event().wait()
        raise AssertionError


class StillCamera(Camera):
    """A camera that stops after some frames."""

    _frames = 0

    async def recv(self) -> VideoFrame:
        """The next frame, as long as there are any."""
        self._frames += 1
        if self._frames > STILL_AFTER:
            await asyncio.Event().wait()
        return await super().recv()


class GarbledCamera(VideoStreamTrack):
    """A camera that encodes by itself, and whose pictures no decoder of VP8 can read."""

    async def recv(self) -> Packet:
        """The next picture. Its first bit says that it builds on a key frame (RFC 6386, 9.1)."""
        packet = Packet(b"\x01" + os.urandom(GARBLED_BYTES))
        packet.pts, packet.time_base = await self.next_timestamp()
        return packet


class MungingNode(StreamingNode):
    """A node that changes the SDP of its offer before it sends it."""

    def __init__(self, url: str, munge: Callable[[str], str]) -> None:
        super().__init__(url, Camera())
        send = self.signaling.send

        def munged(kind: str, to: str, data: Any, **fields: Any) -> None:
            if kind == "offer":
                data = {**data, "sdp": munge(data["sdp"])}
            send(kind, to, data, **fields)

        self.signaling.send = munged  # type: ignore[method-assign]


class RenamingNode(StreamingNode):
    """A node that calls its signals otherwise."""

    def __init__(self, url: str) -> None:
        super().__init__(url, Camera())
        send = self.signaling.send

        def renamed(kind: str, to: str, data: Any, **fields: Any) -> None:
            send(kind.capitalize(), to, data, **fields)

        self.signaling.send = renamed  # type: ignore[method-assign]


class LazyNode(StreamingNode):
    """A node that waits for its camera, and does not offer."""

    async def call(self, peer_id: str) -> None:
        """Wait for the camera."""


class H264Node(StreamingNode):
    """A node that offers nothing but H264."""

    async def call(self, peer_id: str) -> None:
        """Offer."""
        create = RTCPeerConnection.createOffer

        async def only(pc: RTCPeerConnection) -> Any:
            codecs = RTCRtpSender.getCapabilities("video").codecs
            h264 = [codec for codec in codecs if codec.mimeType == "video/H264"]
            pc.getTransceivers()[0].setCodecPreferences(h264)
            return await create(pc)

        RTCPeerConnection.createOffer = only  # type: ignore[method-assign]
        await super().call(peer_id)


class HighNode(H264Node):
    """A node whose H264 is of profile high, as of many hardware encoders."""

    def __init__(self, url: str) -> None:
        super().__init__(url, Camera())
        send = self.signaling.send

        def high(kind: str, to: str, data: Any, **fields: Any) -> None:
            if kind == "offer":
                sdp = re.sub("profile-level-id=[0-9a-fA-F]{6}", HIGH, data["sdp"])
                data = {**data, "sdp": sdp}
            send(kind, to, data, **fields)

        self.signaling.send = high  # type: ignore[method-assign]


class FailingGCOM(GCOM):
    """A GCOM that ends of each offer."""

    async def answer(self, offer: dict[str, Any]) -> None:
        """Fail."""
        os._exit(1)


class SilentGCOM(GCOM):
    """A GCOM that does not answer."""

    async def answer(self, offer: dict[str, Any]) -> None:
        """Ignore an offer."""


class MungingGCOM(GCOM):
    """A GCOM that changes the SDP of its answer before it sends it."""

    def __init__(self, url: str, munge: Callable[[str], str]) -> None:
        super().__init__(url)
        send = self.signaling.send

        def munged(kind: str, to: str, data: Any, **fields: Any) -> None:
            send(kind, to, {**data, "sdp": munge(data["sdp"])}, **fields)

        self.signaling.send = munged  # type: ignore[method-assign]


def without(start: str) -> Callable[[str], str]:
    """What removes the lines of an SDP that begin so."""

    def munge(sdp: str) -> str:
        return "".join(line for line in sdp.splitlines(True) if not line.startswith(start))

    return munge


def replacing(old: str, new: str) -> Callable[[str], str]:
    """What replaces a text in an SDP."""
    return lambda sdp: sdp.replace(old, new)


async def offers_to_all(url: str) -> None:
    """A client that offers as soon as somebody is there, and answers nobody."""
    client = socketio.AsyncClient()

    async def offer(peer: Any) -> None:
        pc = RTCPeerConnection(RTCConfiguration([]))
        pc.addTrack(Camera())
        await pc.setLocalDescription(await pc.createOffer())
        data = {"type": "offer", "sdp": pc.localDescription.sdp}
        await client.emit("signal", {"type": "offer", "to": peer["peer_id"], "data": data})

    client.on("peer_joined", offer)
    await client.connect(url, transports=["websocket"])
    await client.wait()


async def wrong_event(url: str) -> None:
    """A client that names its event after the signal."""
    client = socketio.AsyncClient()

    async def offer(peer: Any) -> None:
        await client.emit("offer", {"to": peer["peer_id"], "sdp": "v=0"})

    client.on("peer_joined", offer)
    await client.connect(url, transports=["websocket"])
    await client.wait()


PROGRAMS: dict[str, Program] = {
    "node": lambda url: StreamingNode(url, Camera()).run(),
    "gcom": lambda url: GCOM(url, frames=True).run(),
    "dark-node": lambda url: StreamingNode(url, DarkCamera()).run(),
    "garbled-node": lambda url: StreamingNode(url, GarbledCamera()).run(),
    "still-node": lambda url: StreamingNode(url, StillCamera()).run(),
    "lazy-node": lambda url: LazyNode(url, Camera()).run(),
    "h264-node": lambda url: H264Node(url, Camera()).run(),
    "high-node": lambda url: HighNode(url).run(),
    "renaming-node": lambda url: RenamingNode(url).run(),
    "event-node": wrong_event,
    "offering-node": offers_to_all,
    "offering-gcom": offers_to_all,
    "munging-node": lambda url: MungingNode(url, without("a=fingerprint")).run(),
    "empty-node": lambda url: MungingNode(url, lambda sdp: "").run(),
    "receiving-node": lambda url: MungingNode(url, replacing("a=sendrecv", "a=recvonly")).run(),
    "failing-gcom": lambda url: FailingGCOM(url).run(),
    "silent-gcom": lambda url: SilentGCOM(url).run(),
    "active-gcom": lambda url: MungingGCOM(
        url, replacing("a=setup:active", "a=setup:actpass")
    ).run(),
}


if __name__ == "__main__":
    asyncio.run(PROGRAMS[sys.argv[1]](sys.argv[2]))
