# SPDX-License-Identifier: MIT
"""A Streaming Node: offers its video to every peer in its room, and recovers it after the restart
of any part and the dropout of any link.

    pip install -r requirements.txt
    python streaming_node.py "http://SERVER:8080/?name=streaming-node&role=streaming-node"
    python streaming_node.py --discover "name=streaming-node"    # finds the server (discover.py)
    python streaming_node.py http://SERVER:8080 --name streaming-node --device /dev/video0
    python streaming_node.py --help
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import secrets
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack
from camera_source import add_camera_options, camera_of, prefer_codec, set_bitrate
from command_line import add_server_options, signaling_of
from report import Reporter
from signaling import Refused, Signaling, add_candidate, configuration

CALL_SECONDS = 10
"""A call not established by then is started again."""


@dataclass
class Call:
    """One RTCPeerConnection to one peer."""

    id: str
    session: str | None
    pc: RTCPeerConnection


class StreamingNode:
    """Offers `track` to every peer. Only the node offers: GCOM answers."""

    def __init__(
        self, server: str | Signaling, track: MediaStreamTrack, codec: str | None = None
    ) -> None:
        self.track = track
        self.codec = codec
        """`h264` or `vp8`: offer no other; None: GCOM chooses."""
        self.relay = MediaRelay()  # one track, many connections
        self.signaling = server if isinstance(server, Signaling) else Signaling(server)
        self.configuration = RTCConfiguration([])
        self.peers: dict[str, str | None] = {}  # peer_id -> session
        self.calls: dict[str, Call] = {}
        self.reporter = Reporter(self.signaling)

    async def run(self) -> None:
        """Serve the room that the URL names, until the program ends."""
        await asyncio.gather(self.signaling.run(), self.handle_events(), self.reporter.run())

    async def handle_events(self) -> None:
        """Handle events, one at a time."""
        while True:
            event, data = await self.signaling.inbox.get()
            try:
                await self.handle(event, data)
            except Exception:  # one peer's message must not end the calls of the others
                traceback.print_exc()

    async def handle(self, event: str, data: Any) -> None:
        """Act on one event."""
        if event == "welcome":
            self.configuration = configuration(data)
            await self.reporter.report_all()
            self.peers = {}  # next, a newcomer receives a peer_joined for each peer
            for peer in data["peers"] if data["resumed"] else ():
                await self.meet(peer)
        elif event == "peer_joined":
            await self.meet(data)
        elif event == "peer_left":
            self.peers.pop(data["peer_id"], None)  # its video may well continue
        elif event == "signal":
            await self.take(data)
        elif event == "check":
            await self.check(*data)

    async def meet(self, peer: dict[str, Any]) -> None:
        """Call a peer that is here, unless its session is unchanged and it is connected."""
        peer_id, session = peer["peer_id"], peer.get("session")
        self.peers[peer_id] = session
        call = self.calls.get(peer_id)
        established = call is not None and call.pc.connectionState == "connected"
        if not (established and call.session == session is not None):
            await self.call(peer_id)

    async def call(self, peer_id: str) -> None:
        """Open a new connection to a peer, which replaces the current one."""
        pc = RTCPeerConnection(self.configuration)
        self.reporter.begin(peer_id, pc)
        await self.hang_up(peer_id)
        call = self.calls[peer_id] = Call(secrets.token_urlsafe(8), self.peers[peer_id], pc)
        pc.addTrack(self.relay.subscribe(self.track))
        prefer_codec(pc, self.codec)
        pc.on("connectionstatechange", functools.partial(self.on_state, peer_id, call))
        await pc.setLocalDescription(await pc.createOffer())
        offer = {"type": "offer", "sdp": pc.localDescription.sdp}
        self.signaling.send("offer", peer_id, offer, call=call.id)  # the answer returns `call`
        asyncio.get_running_loop().call_later(CALL_SECONDS, self.ask_check, peer_id, call)

    async def take(self, signal: dict[str, Any]) -> None:
        """Apply an answer or a candidate, if it belongs to the current call."""
        call = self.calls.get(signal["from"])
        if call is None or signal.get("call") not in (call.id, None):  # None: knows no `call`
            return
        if signal["type"] == "answer" and call.pc.signalingState == "have-local-offer":
            await call.pc.setRemoteDescription(RTCSessionDescription(**signal["data"]))
        elif signal["type"] == "ice-candidate":
            await add_candidate(call.pc, signal["data"])

    def on_state(self, peer_id: str, call: Call) -> None:
        """ICE decides whether a call is established."""
        print(f"{peer_id}: {call.pc.connectionState}", flush=True)
        if call.pc.connectionState in ("failed", "closed"):
            self.ask_check(peer_id, call)

    def ask_check(self, peer_id: str, call: Call) -> None:
        """Queue a check of a call."""
        self.signaling.inbox.put_nowait(("check", (peer_id, call)))

    async def check(self, peer_id: str, call: Call) -> None:
        """Call again if this call is the peer's newest and is not established."""
        if self.calls.get(peer_id) is not call or call.pc.connectionState == "connected":
            return
        if peer_id in self.peers and self.signaling.connected:
            await self.call(peer_id)
        else:
            await self.hang_up(peer_id)  # `meet` calls again when both sides are back

    async def hang_up(self, peer_id: str) -> None:
        """Close the call to a peer."""
        call = self.calls.pop(peer_id, None)
        if call:
            await call.pc.close()


async def main(options: argparse.Namespace) -> None:
    """Stream what the options name."""
    set_bitrate(options.bitrate)
    try:
        await StreamingNode(signaling_of(options), camera_of(options), options.codec).run()
    except Refused as refusal:
        sys.exit(f"signaling: {refusal}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stream video to every peer in a room.")
    add_server_options(parser)
    add_camera_options(parser)
    asyncio.run(main(parser.parse_args()))
