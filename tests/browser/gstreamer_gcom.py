"""A GCOM with GStreamer: answers each offer, decodes the video, and prints a line for each frame.

With the Python that runs gstreamer_node.py: gstreamer_gcom.py URL [OPTION ...]
"""

import argparse
import asyncio
import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import gi
from command_line import add_server_options, signaling_of

for library in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

DECODERS = {"VP8": "rtpvp8depay ! vp8dec", "H264": "rtph264depay ! h264parse ! openh264dec"}


class Call:
    """One webrtcbin. Its callbacks come on GStreamer's threads."""

    def __init__(self, peer_id, tell):
        self.peer_id, self._tell, self._count = peer_id, tell, 0
        self.pipeline = Gst.Pipeline.new()
        self.rtc = Gst.ElementFactory.make("webrtcbin")
        Gst.util_set_object_arg(self.rtc, "bundle-policy", "max-bundle")
        self.pipeline.add(self.rtc)
        self.rtc.connect("on-ice-candidate", self._found)
        self.rtc.connect("pad-added", self._receive)
        self.pipeline.set_state(Gst.State.PLAYING)

    def answer(self, text):
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        kind = GstWebRTC.WebRTCSDPType.OFFER
        offer = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
        done = Gst.Promise.new_with_change_func(self._described)
        self.rtc.emit("set-remote-description", offer, done)

    def _described(self, promise):
        self.rtc.emit("create-answer", None, Gst.Promise.new_with_change_func(self._answered))

    def _answered(self, promise):
        reply = promise.get_reply()  # must outlive the answer
        text = reply.get_value("answer").sdp.as_text()
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        self._tell("answer", {"type": "answer", "sdp": text})
        answer = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
        self.rtc.emit("set-local-description", answer, None)

    def _found(self, rtc, line, candidate):
        self._tell("ice-candidate", {"candidate": candidate, "sdpMLineIndex": line})

    def take(self, data):
        if data and data.get("candidate"):
            line = data.get("sdpMLineIndex") or 0
            self.rtc.emit("add-ice-candidate", line, data["candidate"])

    def _receive(self, rtc, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        codec = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        description = f"{DECODERS[codec]} ! fakesink name=sink sync=false async=false"
        decoder = Gst.parse_bin_from_description(description, True)
        decoder.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self._show
        )
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def _show(self, pad, info):
        caps = pad.get_current_caps().get_structure(0)
        size = f"{caps.get_value('width')}x{caps.get_value('height')}"
        print(f"{self.peer_id}: frame {size}", flush=True)
        return Gst.PadProbeReturn.OK


def told(signaling, loop, offer):
    """What sends a signal to who made the offer, from any thread."""
    fields = {"call": offer["call"]} if "call" in offer else {}

    def tell(kind, data):
        send = functools.partial(signaling.send, kind, offer["from"], data, **fields)
        loop.call_soon_threadsafe(send)

    return tell


async def main(options):
    signaling = signaling_of(options)
    loop = asyncio.get_running_loop()
    running = loop.create_task(signaling.run())
    calls = {}
    while not running.done():
        event, data = await signaling.inbox.get()
        if event != "signal":
            continue
        peer_id = data["from"]
        if data["type"] == "offer":
            if peer_id in calls:
                calls[peer_id].pipeline.set_state(Gst.State.NULL)

            calls[peer_id] = Call(peer_id, told(signaling, loop, data))
            calls[peer_id].answer(data["data"]["sdp"])
        elif data["type"] == "ice-candidate" and peer_id in calls:
            calls[peer_id].take(data.get("data"))


parser = argparse.ArgumentParser()
add_server_options(parser)
Gst.init(None)
asyncio.run(main(parser.parse_args()))
