"""A test picture with about as many bytes as a camera's."""

from __future__ import annotations

import os

from aiortc.mediastreams import VideoStreamTrack
from av import VideoFrame

WIDTH, HEIGHT = 240, 180
PICTURES = 30


class Camera(VideoStreamTrack):
    """Snow at 30 frames/s, about 3 Mbit/s: several packets a frame.

    A still picture is one packet a frame, and after a gap aiortc's jitter buffer may wait for 128
    packets: 4 s, which no camera would need.
    """

    def __init__(self) -> None:
        super().__init__()
        self._snow = [os.urandom(WIDTH * HEIGHT) for _ in range(PICTURES)]
        self._number = 0

    async def recv(self) -> VideoFrame:
        """The next frame."""
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        self._number = (self._number + 1) % PICTURES
        for plane in frame.planes:
            plane.update(self._snow[self._number][: plane.buffer_size])
        frame.pts, frame.time_base = pts, time_base
        return frame
