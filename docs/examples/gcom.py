"""A GCOM: answers whoever offers, and has the video again after restarts of anybody and dropouts
of any link.

    pip install aiortc "python-socketio[asyncio_client]"
    python gcom.py "http://SERVER:8080/?name=gcom&role=gcom"
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import sys
from dataclasses import dataclass
from typing import Any

import socketio
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack


@dataclass
class Call:
    """One RTCPeerConnection to one peer; `id` is what its offer said."""

    id: str | None
    pc: RTCPeerConnection


class GCOM:
    """Answers offers. It never offers itself, so there is no glare."""

    def __init__(self) -> None:
        self.session = secrets.token_urlsafe(16)  # once per run of the program
        self.seen = 0
        self.calls: dict[str, Call] = {}
        self.watchers: set[asyncio.Future[None]] = set()
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sio = socketio.AsyncClient(reconnection_delay=0.5, reconnection_delay_max=2)
        self.sio.on("signal", self.receive)

    async def run(self, url: str) -> None:
        """Watch the room that the URL names, for ever."""
        await self.sio.connect(
            url,
            auth=lambda: {"session": self.session, "seen": self.seen},  # asked at every reconnect
            transports=["websocket"],
            retry=True,
        )
        await asyncio.gather(self.handle_signals(), self.send_signals())

    # --- signaling: in order, one after the other, and nothing lost ---------------------------------

    def receive(self, signal: dict[str, Any]) -> None:
        """Queue a signal: python-socketio runs handlers side by side."""
        self.seen = signal.get("seq", self.seen)
        self.inbox.put_nowait(signal)

    async def send_signals(self) -> None:
        """Send each signal until the server has confirmed it."""
        while True:
            signal = await self.outbox.get()
            while True:
                try:
                    await self.sio.call("signal", signal, timeout=5)
                    break
                except socketio.exceptions.SocketIOError:
                    await asyncio.sleep(0.2)  # no connection at the moment

    async def handle_signals(self) -> None:
        """Take what peers say, one thing at a time."""
        while True:
            signal = await self.inbox.get()
            if signal["type"] == "offer":
                await self.answer(signal)

    # --- calls: one for each peer -------------------------------------------------------------------

    async def answer(self, offer: dict[str, Any]) -> None:
        """Answer an offer: on the connection it belongs to, or on a new one for a new call."""
        peer_id, call_id = offer["from"], offer.get("call")
        call = self.calls.get(peer_id)
        if call is None or call.id != call_id or call_id is None:
            if call:
                await call.pc.close()
            call = self.calls[peer_id] = Call(call_id, RTCPeerConnection())
            call.pc.on("track", functools.partial(self.on_track, peer_id))
            call.pc.on("connectionstatechange", functools.partial(self.on_state, peer_id, call))
        await call.pc.setRemoteDescription(RTCSessionDescription(**offer["data"]))
        await call.pc.setLocalDescription(await call.pc.createAnswer())
        answer = {"type": "answer", "sdp": call.pc.localDescription.sdp}
        signal = {"type": "answer", "to": peer_id, "data": answer, "call": call_id}
        self.outbox.put_nowait(signal)

    async def on_state(self, peer_id: str, call: Call) -> None:
        """A call that failed is the node's to make again."""
        print(f"{peer_id}: {call.pc.connectionState}", flush=True)
        if call.pc.connectionState == "failed" and self.calls.get(peer_id) is call:
            del self.calls[peer_id]
            await call.pc.close()

    def on_track(self, peer_id: str, track: MediaStreamTrack) -> None:
        """Show a track: here each frame becomes a line."""
        watcher = asyncio.ensure_future(self.watch(peer_id, track))
        self.watchers.add(watcher)
        watcher.add_done_callback(self.watchers.discard)

    async def watch(self, peer_id: str, track: MediaStreamTrack) -> None:
        """Take frames until the track ends."""
        try:
            while True:
                frame = await track.recv()
                print(f"{peer_id}: frame {frame.width}x{frame.height}", flush=True)
        except MediaStreamError:
            print(f"{peer_id}: video ended", flush=True)


if __name__ == "__main__":
    asyncio.run(GCOM().run(sys.argv[1]))
