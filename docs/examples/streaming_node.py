"""A Streaming Node: offers its video to every peer in its room, and gets it there again after
restarts of anybody and dropouts of any link.

    pip install aiortc "python-socketio[asyncio_client]"
    python streaming_node.py "http://SERVER:8080/?name=streaming-node&role=streaming-node"
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
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack

CONNECT_SECONDS = 10
"""A call that does not stand by then is made anew."""


@dataclass
class Call:
    """One RTCPeerConnection to one peer."""

    id: str
    session: str | None
    pc: RTCPeerConnection


class StreamingNode:
    """Offers `track` to every peer. Offers are ours alone: GCOM answers."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.track = track
        self.relay = MediaRelay()  # one track, many connections
        self.session = secrets.token_urlsafe(16)  # once per run of the program
        self.seen = 0
        self.peers: dict[str, str | None] = {}  # peer_id -> session
        self.calls: dict[str, Call] = {}
        self.inbox: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sio = socketio.AsyncClient(reconnection_delay=0.5, reconnection_delay_max=2)
        for event in ("welcome", "peer_joined", "peer_left", "signal"):
            self.sio.on(event, functools.partial(self.receive, event))

    async def run(self, url: str) -> None:
        """Serve the room that the URL names, for ever."""
        await self.sio.connect(
            url,
            auth=lambda: {"session": self.session, "seen": self.seen},  # asked at every reconnect
            transports=["websocket"],
            retry=True,
        )
        await asyncio.gather(self.handle_events(), self.send_signals())

    # --- signaling: in order, one after the other, and nothing lost ---------------------------------

    def receive(self, event: str, data: dict[str, Any]) -> None:
        """Queue what the server says: python-socketio runs handlers side by side."""
        self.seen = data.get("seq", self.seen)
        self.inbox.put_nowait((event, data))

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

    async def handle_events(self) -> None:
        """Take what the server says, one thing at a time."""
        while True:
            event, data = await self.inbox.get()
            if event == "welcome" and data["resumed"]:
                for peer in data["peers"]:
                    await self.meet(peer)
            elif event == "welcome":
                self.peers.clear()  # a peer_joined for everyone here follows
            elif event == "peer_joined":
                await self.meet(data)
            elif event == "peer_left":
                self.peers.pop(data["peer_id"], None)  # its video may well go on: ICE will tell
            elif event == "signal" and data["type"] == "answer":
                await self.accept(data)

    # --- calls: one for each peer -------------------------------------------------------------------

    async def meet(self, peer: dict[str, Any]) -> None:
        """A peer is here. The same session as before, and connected: nothing to do."""
        peer_id, session = peer["peer_id"], peer.get("session")
        self.peers[peer_id] = session
        call = self.calls.get(peer_id)
        stands = call is not None and call.pc.connectionState == "connected"
        if not (stands and call.session == session is not None):
            await self.call(peer_id)

    async def call(self, peer_id: str) -> None:
        """Make a new connection to a peer, in place of the one there was."""
        await self.hang_up(peer_id)
        call = Call(secrets.token_urlsafe(8), self.peers[peer_id], RTCPeerConnection())
        self.calls[peer_id] = call
        call.pc.addTrack(self.relay.subscribe(self.track))
        call.pc.on("connectionstatechange", functools.partial(self.on_state, peer_id, call))
        await call.pc.setLocalDescription(await call.pc.createOffer())
        offer = {"type": "offer", "sdp": call.pc.localDescription.sdp}
        # The server passes fields of ours on; the answer brings `call` back.
        signal = {"type": "offer", "to": peer_id, "data": offer, "call": call.id}
        self.outbox.put_nowait(signal)
        asyncio.get_running_loop().call_later(CONNECT_SECONDS, self.check, peer_id, call)

    async def accept(self, answer: dict[str, Any]) -> None:
        """Take an answer, if it is to the offer that stands."""
        call = self.calls.get(answer["from"])
        if call and call.id == answer.get("call") and call.pc.signalingState == "have-local-offer":
            await call.pc.setRemoteDescription(RTCSessionDescription(**answer["data"]))

    async def on_state(self, peer_id: str, call: Call) -> None:
        """ICE has the last word on whether a call stands."""
        print(f"{peer_id}: {call.pc.connectionState}", flush=True)
        if call.pc.connectionState == "failed":
            self.check(peer_id, call)

    def check(self, peer_id: str, call: Call) -> None:
        """Call again if this call is the peer's newest and does not stand."""
        if self.calls.get(peer_id) is call and call.pc.connectionState != "connected":
            again = self.call(peer_id) if peer_id in self.peers else self.hang_up(peer_id)
            self.task = asyncio.ensure_future(again)

    async def hang_up(self, peer_id: str) -> None:
        """Close the call to a peer."""
        call = self.calls.pop(peer_id, None)
        if call:
            await call.pc.close()


if __name__ == "__main__":
    asyncio.run(StreamingNode(VideoStreamTrack()).run(sys.argv[1]))
