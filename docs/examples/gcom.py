# SPDX-License-Identifier: MIT
"""A GCOM: answers every offer, and recovers the video after the restart of any part and the dropout
of any link.

    pip install -r requirements.txt
    python gcom.py "http://SERVER:8080/?name=gcom&role=gcom"
    python gcom.py --discover "name=gcom"    # finds the server (discover.py)
    python gcom.py --help
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from command_line import add_server_options, signaling_of
from report import Reporter
from signaling import Refused, Signaling, add_candidate, configuration


@dataclass
class Call:
    """One RTCPeerConnection to one peer; `id` is what its offer said."""

    id: str | None
    pc: RTCPeerConnection
    watching: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End it. The track of a connection that was never established does not end by itself."""
        if self.watching:
            self.watching.cancel()
        await self.pc.close()


class GCOM:
    """Answers offers. It never offers itself, so there is no glare."""

    def __init__(self, server: str | Signaling, frames: bool = False) -> None:
        self.signaling = server if isinstance(server, Signaling) else Signaling(server)
        self.frames = frames
        """Whether to print a line for each frame."""
        self.configuration = RTCConfiguration([])
        self.calls: dict[str, Call] = {}
        self.reporter = Reporter(self.signaling)

    async def run(self) -> None:
        """Watch the room that the URL names, until the program ends."""
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
        elif event == "signal" and data["type"] == "offer":
            await self.answer(data)
        elif event == "signal" and data["type"] == "ice-candidate":
            call = self.calls.get(data["from"])
            if call and call.id == data.get("call"):
                await add_candidate(call.pc, data["data"])

    async def answer(self, offer: dict[str, Any]) -> None:
        """Answer an offer: each is a new call, which replaces the peer's older one."""
        peer_id, call_id = offer["from"], offer.get("call")
        older = self.calls.get(peer_id)
        if older and older.id == call_id is not None:
            return  # a duplicate: its sender saw no confirmation
        pc = RTCPeerConnection(self.configuration)
        call = self.calls[peer_id] = Call(call_id, pc)
        self.reporter.begin(peer_id, pc)
        if older:
            await older.close()
        pc.on("track", functools.partial(self.on_track, peer_id, call))
        pc.on("connectionstatechange", functools.partial(self.on_state, peer_id, pc))
        await pc.setRemoteDescription(RTCSessionDescription(**offer["data"]))
        await pc.setLocalDescription(await pc.createAnswer())
        answer = {"type": "answer", "sdp": pc.localDescription.sdp}
        self.signaling.send("answer", peer_id, answer, call=call_id)

    def on_state(self, peer_id: str, pc: RTCPeerConnection) -> None:
        """Print the state; if a call fails, the node starts it again."""
        print(f"{peer_id}: {pc.connectionState}", flush=True)

    def on_track(self, peer_id: str, call: Call, track: MediaStreamTrack) -> None:
        """Watch the video of a call as long as it lasts."""
        call.watching = asyncio.get_running_loop().create_task(self.watch(peer_id, track))

    async def watch(self, peer_id: str, track: MediaStreamTrack) -> None:
        """Show a track until it ends: here a new size of the picture becomes a line."""
        self.reporter.watches(peer_id)
        size = None
        try:
            while True:
                frame = await track.recv()
                if size != (frame.width, frame.height):
                    size = frame.width, frame.height
                    print(f"{peer_id}: video {frame.width}x{frame.height}", flush=True)
                if self.frames:
                    print(f"{peer_id}: frame {frame.width}x{frame.height}", flush=True)
                await self.reporter.saw_frame(peer_id)
        except MediaStreamError:
            print(f"{peer_id}: video ended", flush=True)


async def main(options: argparse.Namespace) -> None:
    """Watch every node that streams."""
    try:
        await GCOM(signaling_of(options), options.frames).run()
    except Refused as refusal:
        sys.exit(f"signaling: {refusal}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Watch the video of every node in a room.")
    add_server_options(parser)
    parser.add_argument("--frames", action="store_true", help="print a line for each frame")
    asyncio.run(main(parser.parse_args()))
