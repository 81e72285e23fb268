"""How soon gstreamer_node.py's encoder makes a key frame when one is forced. key_frames.py ENCODER

Prints how many pictures come after the request, up to the next key frame. Without the request a key
frame comes every KEY_FRAME_SECONDS.
"""

import argparse
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import gstreamer_profiles
from gi.repository import Gst
from gstreamer_node import Camera

FIRST = 10
"""Pictures after which the key frame is requested: the first of all is one anyway."""

gstreamer_profiles.KEY_FRAME_SECONDS = 1000
parser = argparse.ArgumentParser()
gstreamer_profiles.add_profile_options(parser)
codec, description = gstreamer_profiles.picture(
    parser.parse_args(["--encoder", sys.argv[1], "--size", "160x120"])
)
Gst.init(None)
camera = Camera(description, codec)
keys: list[int] = []
seen, found = threading.Event(), threading.Event()
count = 0


def look(pad, info):
    global count
    count += 1
    if count == FIRST:
        seen.set()
    if count > FIRST and not info.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT):
        keys.append(count)
        found.set()
    return Gst.PadProbeReturn.OK


sink = camera.pipeline.get_by_name("tee").get_static_pad("sink")
sink.add_probe(Gst.PadProbeType.BUFFER, look)
if not seen.wait(20):
    sys.exit("no picture")
before = count
camera.force_key_frame()
if not found.wait(10):
    sys.exit("no key frame")
print(keys[0] - before)
camera.close()
