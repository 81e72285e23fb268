"""Two real clients in a room: a Streaming Node that offers, a GCOM that answers.

usage: peers.py URL ROOM

Uses the package's own Socket.IO. Prints events as JSON, one a line: {"event": "connected",
"who": ..., "at": monotonic seconds}; "handshake" once both have each other's description and
candidate. They reconnect and offer again after a break, until stdin is closed.
"""

import asyncio
import json
import sys
import time

sys.path.insert(0, "/usr/share/hawkeye-signaling")

import aiohttp
import socketio

if not hasattr(aiohttp, "ClientWSTimeout"):
    # For a WebSocket python-engineio's client requires aiohttp 3.11; Debian 12 has 3.8.
    aiohttp.ClientWSTimeout = lambda ws_close: ws_close


def say(event, **more):
    print(json.dumps({"event": event, "at": time.monotonic(), **more}), flush=True)


class Peer:
    def __init__(self, name, transports, heard_all):
        self.name = name
        self.missing = set()
        self.heard_all = heard_all
        self.sio = socketio.AsyncClient(reconnection_delay=0.2, reconnection_delay_max=0.5)
        self.transports = transports
        self.sio.on("connect", self.connected)
        self.sio.on("signal", self.signal)
        self.sio.on("peer_joined", self.peer_joined)

    async def connect(self, url, room):
        await self.sio.connect(
            f"{url}/?room={room}&name={self.name}", transports=self.transports, retry=True
        )

    async def connected(self):
        say("connected", who=self.name)

    async def send(self, to, kind, data):
        await self.sio.emit("signal", {"to": to, "type": kind, "data": data})

    def hears(self, kind):
        self.missing.discard(kind)
        if not self.missing:
            self.heard_all.set()


class StreamingNode(Peer):
    async def peer_joined(self, peer):
        self.missing = {"answer", "ice-candidate"}
        await self.send(peer["peer_id"], "offer", {"type": "offer", "sdp": "v=0"})

    async def signal(self, signal):
        self.hears(signal["type"])


class Gcom(Peer):
    async def peer_joined(self, peer):
        pass

    async def signal(self, signal):
        if signal["type"] == "offer":
            await self.send(signal["from"], "answer", {"type": "answer", "sdp": "v=0"})
            await self.send(signal["from"], "ice-candidate", {"candidate": "candidate:1"})


async def main():
    url, room = sys.argv[1:]
    heard_all = asyncio.Event()
    node = StreamingNode("streaming-node", ["websocket"], heard_all)
    gcom = Gcom("gcom", ["polling"], heard_all)
    await node.connect(url, room)
    await gcom.connect(url, room)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        try:
            await asyncio.wait_for(heard_all.wait(), 0.2)
        except asyncio.TimeoutError:
            continue
        heard_all.clear()
        say("handshake")
    await node.sio.disconnect()
    await gcom.sio.disconnect()


asyncio.run(main())
