# SPDX-License-Identifier: MIT
"""A Streaming Node with GStreamer: one camera and one encoder, any number of viewers.

    apt install python3-gi gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 \\
        gstreamer1.0-nice gstreamer1.0-plugins-{base,good,bad,ugly}
    python3 -m venv --system-site-packages venv && venv/bin/pip install python-socketio aiohttp
    venv/bin/python gstreamer_node.py http://SERVER:8080 --name streaming-node --role streaming-node
    venv/bin/python gstreamer_node.py --help

The source and the encoder feed a tee. Each viewer has a branch of its own, from the tee to its
webrtcbin, which is built for each call and removed with it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import re
import secrets
import sys
import threading
import time
import traceback
from typing import Any, Callable, Mapping
from urllib.parse import quote

import gi
from camera_device import check_device
from command_line import add_server_options, signaling_of
from gstreamer_profiles import add_profile_options, payloader, picture
from gstreamer_report import Meter
from signaling import Refused, Signaling

for library in ("Gst", "GstSdp", "GstVideo", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import Gst, GstSdp, GstVideo, GstWebRTC  # noqa: E402

CALL_SECONDS = 10
"""A call not established by then is started again."""
STUCK_SECONDS = 5
"""The watchdog's patience: with a branch that passes no picture, and with the whole source."""
WATCH_SECONDS = 1
UNLINK_SECONDS = 2
"""For a picture that is on its way into a branch."""


class Branch:
    """One viewer's branch of the pipeline. Its callbacks come on GStreamer's threads."""

    def __init__(
        self,
        camera: Camera,
        peer: Mapping[str, Any],
        ice_servers: list[dict[str, Any]],
        tell: Callable[..., None],
    ) -> None:
        self.id = secrets.token_urlsafe(8)
        self.peer_id: str = peer["peer_id"]
        self.session: str | None = peer.get("session")
        self.state = "new"
        self.begun = time.monotonic()
        self.passed = 0
        """Packets of video that came out of the payloader."""
        self.moved = self.begun
        """When the watchdog last saw `passed` grow."""
        self.watched = 0
        self._negotiates = False
        self._meter = Meter()
        self._camera, self._tell = camera, tell
        # 200 ms of queue, and old pictures go first: a slow viewer delays no other.
        self.bin = Gst.parse_bin_from_description(
            "queue name=in leaky=downstream max-size-buffers=0 max-size-bytes=0"
            f" max-size-time=200000000 ! {payloader(camera.codec)} name=pay"
            " ! capsfilter name=rtp ! webrtcbin name=rtc bundle-policy=max-bundle",
            False,
        )
        self.rtc = self.bin.get_by_name("rtc")
        for server in ice_servers:
            add_ice_server(self.rtc, server)
        self.rtc.connect("on-ice-candidate", self._found_candidate)
        self.rtc.connect("notify::connection-state", self._changed)
        pad = self.bin.get_by_name("pay").get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, self._count)
        ghost = Gst.GhostPad.new("sink", self.bin.get_by_name("in").get_static_pad("sink"))
        ghost.add_probe(Gst.PadProbeType.QUERY_DOWNSTREAM, refuse_allocation)
        self.bin.add_pad(ghost)
        self.source_pad = camera.attach(self.bin)
        camera.force_key_frame()  # it brings the parameter sets, without which there is no offer

    def _count(self, pad: Any, info: Any) -> Any:
        self.passed += 1
        if not self._negotiates:
            if not is_described(pad.get_current_caps()):
                return Gst.PadProbeReturn.DROP  # webrtcbin would wait with it for the offer
            self._negotiates = True
            self._negotiate()
        return Gst.PadProbeReturn.OK

    def _negotiate(self) -> None:
        transceiver = self.rtc.emit("get-transceiver", 0)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        self.rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offered))

    def _offered(self, promise: Any) -> None:
        reply = promise.get_reply()  # must outlive the offer: PyGObject does not copy it
        if reply is None or not reply.has_field("offer"):
            return self._tell("failed", self)
        text = reply.get_value("offer").sdp.as_text()
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        offer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp)
        # The other side is to be the DTLS server. aiortc as the client offers ciphers for ECDSA
        # certificates alone, and that of GStreamer 1.22 is an RSA one.
        text = text.replace("a=setup:actpass", "a=setup:active")
        self._tell("offer", self, with_profile(text))
        self.rtc.emit("set-local-description", offer, None)

    def _found_candidate(self, rtc: Any, line: int, candidate: str) -> None:
        self._tell("candidate", self, {"candidate": candidate, "sdpMLineIndex": line})

    def _changed(self, rtc: Any, parameter: Any) -> None:
        self._tell("state", self, rtc.get_property("connection-state").value_nick)

    def take_answer(self, text: str) -> None:
        """Apply the other side's description."""
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, None)

    def take_candidate(self, data: Mapping[str, Any] | None) -> None:
        """Add the other side's candidate. There is one line; a `sdpMid` alone means it too."""
        text = (data or {}).get("candidate")
        if data and text:
            self.rtc.emit("add-ice-candidate", data.get("sdpMLineIndex") or 0, text)

    def measure(self) -> None:
        """Have the call measured: what comes of it follows as an event."""
        self.rtc.emit("get-stats", None, Gst.Promise.new_with_change_func(self._measured))

    def _measured(self, promise: Any) -> None:
        reply = promise.get_reply()  # must outlive what is read from it
        if reply is not None:
            self._tell("measured", self, self._meter.measure(reply, time.monotonic()))

    def close(self) -> None:
        """Take the branch out of the running pipeline; blocks for a moment."""
        self._camera.detach(self.bin, self.source_pad)


class Camera:
    """The source and the encoder, up to the tee."""

    def __init__(self, description: str, codec: str) -> None:
        self.codec = codec
        self.passed = 0
        """Encoded pictures so far."""
        self.pipeline = Gst.parse_launch(f"{description} ! tee name=tee allow-not-linked=true")
        self._tee = self.pipeline.get_by_name("tee")
        self._tee.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self._count)
        self.pipeline.set_state(Gst.State.PLAYING)

    def _count(self, pad: Any, info: Any) -> Any:
        self.passed += 1
        return Gst.PadProbeReturn.OK

    def error(self) -> str:
        """What has gone wrong in the pipeline since the last call; `""` if nothing."""
        bus = self.pipeline.get_bus()
        while message := bus.pop_filtered(Gst.MessageType.ERROR | Gst.MessageType.EOS):
            if message.type == Gst.MessageType.EOS:
                return "the source has ended"
            failed, _ = message.parse_error()
            return f"{message.src.get_name()}: {failed.message}"
        return ""

    def attach(self, branch: Any) -> Any:
        """Link a branch to the tee, and start it; returns the tee's pad for it."""
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad = self._tee.request_pad_simple("src_%u")
        pad.link(branch.get_static_pad("sink"))
        return pad

    def detach(self, branch: Any, pad: Any) -> None:
        """Undo `attach`: unlink between two pictures, then stop the branch.

        In this order: a branch that stops while it is linked stops the tee, and all viewers.
        """
        unlinked = threading.Event()

        def unlink(pad: Any, info: Any) -> Any:
            pad.unlink(branch.get_static_pad("sink"))
            unlinked.set()
            return Gst.PadProbeReturn.REMOVE

        pad.add_probe(Gst.PadProbeType.IDLE, unlink)
        unlinked.wait(UNLINK_SECONDS)
        branch.set_state(Gst.State.NULL)
        self.pipeline.remove(branch)
        self._tee.release_request_pad(pad)

    def force_key_frame(self) -> None:
        """Ask the encoder for a picture that a new viewer can begin with."""
        event = GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, True, 0)
        self._tee.get_static_pad("sink").push_event(event)

    def close(self) -> None:
        """End the pipeline with all that is in it; blocks for a moment."""
        self.pipeline.set_state(Gst.State.NULL)


class Node:
    """Offers the camera to every peer. Only the node offers: GCOM answers."""

    def __init__(self, signaling: Signaling, description: str, codec: str) -> None:
        self.signaling = signaling
        self._open = functools.partial(Camera, description, codec)
        self.camera: Camera = self._open()
        self.ice_servers: list[dict[str, Any]] = []
        self.peers: dict[str, Mapping[str, Any]] = {}
        self.branches: dict[str, Branch] = {}
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Serve the room until the program ends."""
        await asyncio.gather(self.signaling.run(), self._handle_events(), self._watch())

    def _tell(self, event: str, *data: Any) -> None:
        """Called on GStreamer's threads."""
        self._loop.call_soon_threadsafe(self.signaling.inbox.put_nowait, (f"branch {event}", data))

    async def _handle_events(self) -> None:
        while True:
            event, data = await self.signaling.inbox.get()
            try:
                if event.startswith("branch "):
                    await self._handle_branch(event[len("branch ") :], *data)
                else:
                    await self._handle(event, data)
            except Exception:  # one peer's message must not end the calls of the others
                traceback.print_exc()

    async def _handle(self, event: str, data: Any) -> None:
        if event == "welcome":
            self.ice_servers = data["ice_servers"]
            self.peers = {}  # next, a newcomer receives a peer_joined for each peer
            await self._report()
            for peer in data["peers"] if data["resumed"] else ():
                await self._meet(peer)
        elif event == "peer_joined":
            await self._meet(data)
        elif event == "peer_left":
            self.peers.pop(data["peer_id"], None)  # its video may well continue
        elif event == "signal":
            branch = self.branches.get(data["from"])
            if branch is None or data.get("call") not in (branch.id, None):
                return
            if data["type"] == "answer":
                branch.take_answer(data["data"]["sdp"])
            elif data["type"] == "ice-candidate":
                branch.take_candidate(data.get("data"))
        elif event == "watch":
            await self._check()

    async def _handle_branch(self, event: str, branch: Branch, detail: Any = None) -> None:
        """What a branch says, unless a newer one has taken its place."""
        if self.branches.get(branch.peer_id) is not branch:
            return
        if event == "offer":
            offer = {"type": "offer", "sdp": detail}
            self.signaling.send("offer", branch.peer_id, offer, call=branch.id)
        elif event == "candidate":
            self.signaling.send("ice-candidate", branch.peer_id, detail, call=branch.id)
        elif event == "state" and detail != branch.state:
            branch.state = detail
            print(f"{branch.peer_id}: {detail}", flush=True)
            if detail == "connected":
                self.camera.force_key_frame()
            await self._send_report(branch, {})
            if detail in ("failed", "closed"):
                await self._again(branch)
        elif event == "measured" and branch.state == "connected":
            await self._send_report(branch, detail)
        elif event == "failed":
            await self._again(branch)

    async def _meet(self, peer: Mapping[str, Any]) -> None:
        """Call a peer that is here, unless its session is unchanged and it is connected."""
        peer_id, session = peer["peer_id"], peer.get("session")
        self.peers[peer_id] = peer
        branch = self.branches.get(peer_id)
        if not (branch and branch.state == "connected" and branch.session == session is not None):
            await self._call(peer_id)

    async def _call(self, peer_id: str) -> None:
        """Build a branch for a peer, which replaces its current one."""
        await self._hang_up(peer_id)
        peer = self.peers[peer_id]
        self.branches[peer_id] = Branch(self.camera, peer, self.ice_servers, self._tell)

    async def _hang_up(self, peer_id: str) -> None:
        branch = self.branches.pop(peer_id, None)
        if branch:
            await self._loop.run_in_executor(None, branch.close)

    async def _again(self, branch: Branch) -> None:
        if branch.peer_id in self.peers and self.signaling.connected:
            await self._call(branch.peer_id)
        else:
            await self._hang_up(branch.peer_id)  # `_meet` calls again when both sides are back

    async def _watch(self) -> None:
        """The watchdog: asks for a check every WATCH_SECONDS."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self.signaling.inbox.put_nowait(("watch", None))

    async def _check(self) -> None:
        now = time.monotonic()
        source = self._source_moved(now)
        error = self.camera.error()
        if error or not source:
            print(f"camera: {error or 'no picture'}: it is opened again", flush=True)
            await self._reopen()
            return
        for branch in list(self.branches.values()):
            if branch.passed != branch.watched:
                branch.watched, branch.moved = branch.passed, now
            stuck = branch.state == "connected" and now - branch.moved > STUCK_SECONDS
            late = branch.state != "connected" and now - branch.begun > CALL_SECONDS
            if stuck or late:
                why = "no picture passes" if stuck else f"not connected after {CALL_SECONDS} s"
                print(f"{branch.peer_id}: {why}: it is called again", flush=True)
                await self._again(branch)
        await self._report()

    _watched = 0
    _moved = 0.0

    def _source_moved(self, now: float) -> bool:
        if self.camera.passed != self._watched or not self._moved:
            self._watched, self._moved = self.camera.passed, now
        return now - self._moved <= STUCK_SECONDS

    async def _reopen(self) -> None:
        """Build a new pipeline, and call each peer of the room again."""
        self.branches.clear()
        await self._loop.run_in_executor(None, self.camera.close)
        self.camera, self._moved, self._watched = self._open(), 0.0, 0
        for peer_id in self.peers if self.signaling.connected else ():
            await self._call(peer_id)

    async def _report(self) -> None:
        if not self.branches:
            await self.signaling.report({"state": "new"})
        for branch in self.branches.values():
            await self._report_branch(branch)

    async def _report_branch(self, branch: Branch) -> None:
        if branch.state == "connected":
            branch.measure()
        else:
            await self._send_report(branch, {})

    async def _send_report(self, branch: Branch, measured: Mapping[str, Any]) -> None:
        await self.signaling.report({"state": branch.state, "to": branch.peer_id, **measured})


def refuse_allocation(pad: Any, info: Any) -> Any:
    """Let no branch have a say in how the encoder allocates memory.

    The query would wait in the branch's queue until the viewer is connected, and the camera with
    it: a path that takes longer than STUCK_SECONDS to find would never be found.
    """
    if info.get_query().type == Gst.QueryType.ALLOCATION:
        return Gst.PadProbeReturn.DROP
    return Gst.PadProbeReturn.OK


def is_described(caps: Any) -> bool:
    """Whether an offer with these caps would tell the parameter sets of an H264 stream."""
    if caps is None:
        return False
    stream = caps.get_structure(0)
    return stream.get_string("encoding-name") != "H264" or stream.has_field("sprop-parameter-sets")


def with_profile(sdp: str) -> str:
    """An offer of H264 with the profile that its parameter sets have.

    rtph264pay leaves it out, and a receiver then takes it for another profile (RFC 6184, 8.1).
    """
    sets = re.search(r"sprop-parameter-sets=([A-Za-z0-9+/=]+)", sdp)
    if not sets or "profile-level-id=" in sdp:
        return sdp
    profile = base64.b64decode(sets[1])[1:4].hex()
    return sdp.replace(sets[0], f"profile-level-id={profile};{sets[0]}", 1)


def add_ice_server(rtc: Any, server: Mapping[str, Any]) -> None:
    """Give webrtcbin a server from `welcome`, in the form of URL that it wants."""
    urls = server["urls"]
    for url in [urls] if isinstance(urls, str) else urls:
        scheme, _, rest = url.partition(":")
        if scheme in ("stun", "stuns"):
            rtc.set_property("stun-server", f"{scheme}://{rest}")
        else:
            who = f"{quote(server['username'], '')}:{quote(server['credential'], '')}"
            rtc.emit("add-turn-server", f"{scheme}://{who}@{rest}")


async def main(options: argparse.Namespace) -> None:
    """Stream what the options name."""
    if options.source == "v4l2":
        check_device(options.device)
    codec, description = picture(options)
    try:
        await Node(signaling_of(options), description, codec).run()
    except Refused as refusal:
        sys.exit(f"signaling: {refusal}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stream video with GStreamer.")
    add_server_options(parser)
    add_profile_options(parser)
    chosen = parser.parse_args()
    Gst.init(None)
    asyncio.run(main(chosen))
