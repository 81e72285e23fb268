"""RTP packets of a test picture in VP8, to a UDP port of this machine: rtp_source.py PORT SSRC TYPE

With Debian's Python. A key frame twice a second: nobody can ask for one.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

port, ssrc, kind = sys.argv[1:]
Gst.init(None)
pipeline = Gst.parse_launch(
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1"
    " ! vp8enc deadline=1 keyframe-max-dist=15"
    f" ! rtpvp8pay ssrc={ssrc} pt={kind} picture-id-mode=15-bit mtu=1200"
    f" ! udpsink host=127.0.0.1 port={port}"
)
pipeline.set_state(Gst.State.PLAYING)
GLib.MainLoop().run()
