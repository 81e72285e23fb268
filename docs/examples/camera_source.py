# SPDX-License-Identifier: MIT
"""Where streaming_node.py gets its pictures from: a test picture, a camera, a file or an RTSP
source. A source that ends or fails is opened again.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from fractions import Fraction
from typing import Any, Callable, NamedTuple

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.codecs import h264, vpx
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame
from av.error import FFmpegError
from camera_device import check_device

CLOCK = 90_000
"""Ticks a second of RTP's clock for video (RFC 3551)."""
AGAIN_SECONDS = 1.0
SILENT_SECONDS = 5.0
"""A source that gives no picture for so long is opened again."""
CODECS = {"h264": "video/H264", "vp8": "video/VP8"}


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int


class Source(NamedTuple):
    """What ffmpeg opens: its name, its format (None: ffmpeg knows), its options."""

    name: str
    format: str | None
    options: dict[str, str]
    ends: bool = False
    """Whether it has an end, after which it begins again."""

    def open(self) -> MediaPlayer:
        """Open it; blocks until it is open."""
        return MediaPlayer(self.name, self.format, self.options)


class MovingBar(MediaStreamTrack):
    """A bar that moves over grey."""

    kind = "video"

    def __init__(self, size: Size, rate: float) -> None:
        super().__init__()
        self._size, self._rate, self._number, self._start = size, rate, 0, time.monotonic()

    async def recv(self) -> VideoFrame:
        """The next picture, when it is due."""
        self._number += 1
        await asyncio.sleep(max(0, self._start + self._number / self._rate - time.monotonic()))
        frame = VideoFrame(*self._size, "yuv420p")
        luma, *chroma = frame.planes
        at = self._number * 4 % self._size.width
        row = bytearray(b"\x80" * luma.line_size)
        row[at : at + 16] = b"\xe0" * len(row[at : at + 16])
        luma.update(bytes(row) * luma.height)
        for plane in chroma:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = int(self._number / self._rate * CLOCK), Fraction(1, CLOCK)
        return frame


class Camera(MediaStreamTrack):
    """The pictures of a source, stamped as they come, of one size and at most one rate."""

    kind = "video"

    def __init__(self, source: Source, size: Size | None = None, rate: float | None = None) -> None:
        super().__init__()
        self._source, self._size, self._rate = source, size, rate
        self._player: MediaPlayer | None = None
        self._start = time.monotonic()
        self._due = self._start
        self._said = ""
        self._gives = False
        """Whether a picture has come since the source was opened."""

    async def recv(self) -> VideoFrame:
        """The next picture."""
        while True:
            frame = await self._next()
            now = time.monotonic()
            if self._rate is not None:
                if now < self._due - 0.5 / self._rate:
                    continue
                self._due = max(self._due, now - 1 / self._rate) + 1 / self._rate
            if self._size and self._size != (frame.width, frame.height):
                frame = frame.reformat(*self._size)
            frame.pts, frame.time_base = int((now - self._start) * CLOCK), Fraction(1, CLOCK)
            return frame

    async def _next(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        while True:
            try:
                if self._player is None:
                    self._player = await loop.run_in_executor(None, self._source.open)
                    if self._player.video is None:
                        raise MediaStreamError("it has no video")
                    self._say("open")
                frame = await asyncio.wait_for(self._player.video.recv(), SILENT_SECONDS)
                self._gives = True
                return frame
            except (MediaStreamError, FFmpegError, OSError, asyncio.TimeoutError) as error:
                ended = isinstance(error, MediaStreamError) and self._gives
                self._gives = False
                self._close()
                if not (ended and self._source.ends):
                    self._say(str(error) or ("it has ended" if ended else "it gives no picture"))
                    await asyncio.sleep(AGAIN_SECONDS)

    def _say(self, line: str) -> None:
        if line != self._said:
            print(f"camera: {self._source.name.rpartition('@')[2]}: {line}", flush=True)
        self._said = line

    def _close(self) -> None:
        player, self._player = self._player, None
        for track in (player.audio, player.video) if player else ():
            if track is not None:
                track.stop()

    def stop(self) -> None:
        """End the track, and close the source."""
        super().stop()
        self._close()


def add_camera_options(parser: argparse.ArgumentParser) -> None:
    """What to stream, and how."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--test", action="store_true", help="a test picture (the default)")
    source.add_argument("--device", metavar="/dev/video0", help="a camera (V4L2)")
    source.add_argument("--rtsp", metavar="URL", help="a network camera")
    source.add_argument("--file", metavar="F", help="a video file, again and again")
    parser.add_argument("--codec", choices=sorted(CODECS), help="default: GCOM chooses")
    parser.add_argument("--size", type=size_of, metavar="1280x720")
    parser.add_argument(
        "--fps", type=checked(float), metavar="30", help="pictures a second at most"
    )
    parser.add_argument("--bitrate", type=bitrate_of, metavar="2M", help="bits a second at most")


def camera_of(options: argparse.Namespace) -> MediaStreamTrack:
    """The track that the options describe. Ends the program if it is a camera that is not there."""
    size, rate = options.size, options.fps
    if options.device:
        check_device(options.device)
        wanted = {"video_size": "x".join(map(str, size or ())), "framerate": f"{rate or ''}"}
        asked = {name: text for name, text in wanted.items() if text}
        return Camera(Source(options.device, "v4l2", asked), size, rate)
    if options.rtsp:
        # Over TCP: no port has to be open. `timeout` in microseconds.
        return Camera(
            Source(options.rtsp, "rtsp", {"rtsp_transport": "tcp", "timeout": "5000000"}),
            size,
            rate,
        )
    if options.file:
        return Camera(Source(options.file, None, {}, ends=True), size, rate)
    return MovingBar(size or Size(640, 480), rate or 30)


def prefer_codec(pc: RTCPeerConnection, codec: str | None) -> None:
    """Offer nothing but this codec."""
    if codec is not None:
        known = RTCRtpSender.getCapabilities("video").codecs
        wanted = [each for each in known if each.mimeType == CODECS[codec]]
        for transceiver in pc.getTransceivers():
            transceiver.setCodecPreferences(wanted)


def set_bitrate(bits: int | None) -> None:
    """The highest bitrate of all encoders; less when the receiver asks for less.

    aiortc has no option for it: these are the constants of its encoders.
    """
    if bits is not None:
        for encoder in (h264, vpx):
            encoder.MIN_BITRATE = min(bits, encoder.MIN_BITRATE)
            encoder.DEFAULT_BITRATE = encoder.MAX_BITRATE = bits


def size_of(text: str) -> Size:
    """Of `1280x720`."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    if int(width) % 2 or int(height) % 2:
        raise argparse.ArgumentTypeError("the encoders need an even width and height")
    return Size(int(width), int(height))


def bitrate_of(text: str) -> int:
    """Of `800k`, `2M` or `2000000`."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    return int(checked(float)(text[:-1] if unit > 1 else text) * unit)


def checked(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """A number above zero."""

    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
        return value

    return number
