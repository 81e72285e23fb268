# SPDX-License-Identifier: MIT
"""The text of gstreamer_node.py's pipelines: sources and encoders by name.

Tested with the packages of Debian 12 (GStreamer 1.22): `test`, `rtsp`, `vp8`, `x264`. Not tried on
their hardware: `v4l2`, `libcamera`, `pi` (Raspberry Pi) and `jetson`; of these the tests check
that the text is as written here.
"""

from __future__ import annotations

import argparse
import re

SOURCES = {
    "test": "videotestsrc is-live=true pattern=ball",
    "v4l2": "v4l2src device={device} do-timestamp=true ! decodebin",
    "libcamera": "libcamerasrc",
    # H264 of a network camera as it is: nothing is decoded, and no encoder is needed.
    "rtsp": "rtspsrc location={rtsp} protocols=tcp latency=100 ! rtph264depay"
    " ! h264parse config-interval=-1",
}
H264 = "video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
ENCODERS = {
    # deadline=1: real time. A key frame at least every 2 s; a new viewer gets one at once.
    "vp8": "vp8enc name=encoder deadline=1 cpu-used=8 end-usage=cbr error-resilient=default"
    " target-bitrate={bits} keyframe-max-dist={distance}",
    "x264": "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={kilobits}"
    f" key-int-max={{distance}} ! {H264}",
    "pi": "v4l2h264enc name=encoder extra-controls=controls,video_bitrate={bits},"
    "h264_i_frame_period={distance},repeat_sequence_header=1"
    " ! video/x-h264,profile=constrained-baseline,level=(string)4 ! h264parse config-interval=-1",
    "jetson": "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! nvv4l2h264enc name=encoder"
    " bitrate={bits} iframeinterval={distance} insert-sps-pps=true idrinterval={distance}"
    f" profile=0 ! h264parse config-interval=-1 ! {H264}",
}
PAYLOADERS = {
    "VP8": "rtpvp8pay pt=96 picture-id-mode=15-bit",
    "H264": "rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency",
}
KEY_FRAME_SECONDS = 2


def add_profile_options(parser: argparse.ArgumentParser) -> None:
    """What to stream, and how."""
    parser.add_argument("--source", choices=sorted(SOURCES), default="test")
    parser.add_argument("--device", default="/dev/video0", help="with --source v4l2")
    parser.add_argument("--rtsp", metavar="URL", help="with --source rtsp: an H264 camera")
    parser.add_argument("--encoder", choices=sorted(ENCODERS), default="vp8")
    parser.add_argument("--size", default="640x480", help="default: 640x480")
    parser.add_argument("--fps", type=int, default=30, help="default: 30")
    parser.add_argument("--bitrate", default="1M", help="such as 800k; default: 1M")


def picture(options: argparse.Namespace) -> tuple[str, str]:
    """The codec, and the pipeline up to the tee."""
    if options.source == "rtsp":
        if not options.rtsp:
            raise SystemExit("--source rtsp needs --rtsp URL")
        return "H264", SOURCES["rtsp"].format(rtsp=quoted(options.rtsp))
    size = re.fullmatch(r"(\d+)x(\d+)", options.size)
    if not size:
        raise SystemExit(f"--size {options.size} is no size such as 1280x720")
    source = SOURCES[options.source].format(device=quoted(options.device))
    raw = f"video/x-raw,width={size[1]},height={size[2]},framerate={options.fps}/1"
    if options.source == "v4l2":  # a camera has few sizes of its own
        raw = f"videoscale ! videorate ! {raw}"
    bits = bits_of(options.bitrate)
    encoder = ENCODERS[options.encoder].format(
        bits=bits, kilobits=max(1, bits // 1000), distance=options.fps * KEY_FRAME_SECONDS
    )
    codec = "VP8" if options.encoder == "vp8" else "H264"
    queue = "queue leaky=downstream max-size-buffers=2"
    return codec, f"{source} ! {raw} ! videoconvert ! {queue} ! {encoder}"


def payloader(codec: str) -> str:
    """What makes RTP packets of a codec."""
    return PAYLOADERS[codec]


def quoted(text: str) -> str:
    """A value of a pipeline's text: nothing in it is taken for an element."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def bits_of(text: str) -> int:
    """Of `800k`, `2M` or `2000000`."""
    number = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text)
    if not number or not float(number[1]):
        raise SystemExit(f"--bitrate {text} is no bitrate such as 2M")
    return int(float(number[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[number[2]])
