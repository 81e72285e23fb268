"""Each Streaming Node of docs/examples to libdatachannel: the column of "Who talks to whom"."""

from __future__ import annotations

import itertools
import shutil
import time
from typing import Sequence

import pytest

from browser.cameras import python_node, running
from browser.test_cameras import gstreamer, gstreamer_python  # noqa: F401  fixtures
from integration.server import ROOT, ServerProcess

_rooms = (f"libdatachannel-{number}" for number in itertools.count())


@pytest.fixture
def room() -> str:
    return next(_rooms)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize("kind", ["aiortc", "GStreamer"])
def test_libdatachannel_receives_frames(
    server: ServerProcess,
    room: str,
    gstreamer: Sequence[str],  # noqa: F811
    kind: str,
    codec: str,
) -> None:
    encoder = {"vp8": "vp8", "h264": "x264"}[codec]
    node = {
        "aiortc": python_node(server, room, "--codec", codec),
        "GStreamer": [*gstreamer, "--encoder", encoder],
    }[kind]
    program = str(ROOT / "tests/js/gcom-libdatachannel.mjs")
    url = f"{server.url}/?room={room}&name=gcom&role=gcom"
    with running(node):
        server.wait_for_line(f"room {room}: streaming-node joined")
        began = time.monotonic()
        with running([shutil.which("node") or "node", program, url]) as gcom:
            gcom.line(": frame of ")
            print(f"{kind}, {codec}: first frame after {time.monotonic() - began:.1f} s")
            gcom.frames()
