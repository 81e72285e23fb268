"""The way to the signaling server, for streaming_node.py and gcom.py: comes back after every break,
loses nothing on the way, and hands on what it hears in order.
"""

from __future__ import annotations

import asyncio
import functools
import random
import secrets
import sys
from typing import Any

import socketio
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.sdp import candidate_from_sdp

EVENTS = ("welcome", "peer_joined", "peer_left", "signal", "error")
CONNECT_SECONDS = 5
ACK_SECONDS = 2
HEARTBEAT_SECONDS = 4
"""How often a WebSocket PING asks whether the server is still there: a dead link shows soon."""


class Signaling:
    """One session with the server, over as many connections as it takes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inbox: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        """What the server says: (event, data). Take one thing at a time from it."""
        self.connected = False
        self._session = secrets.token_urlsafe(16)  # once per run of the program
        self._seen = 0
        self._replaced = False
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self) -> None:
        """Stay connected, for ever. Exits when another program has taken our name."""
        await asyncio.gather(self._stay_connected(), self._send())

    def send(self, kind: str, to: str, data: Any, **fields: Any) -> None:
        """Queue a signal. The server passes `fields` of ours on as they are."""
        self._outbox.put_nowait({"type": kind, "to": to, "data": data, **fields})

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connect()
            except Exception as error:  # there is nothing to do about any of them but to try again
                print(f"signaling: {error or type(error).__name__}", flush=True)
            await asyncio.sleep(random.uniform(0.2, 1))

    async def _connect(self) -> None:
        """Connect; returns when the connection has ended."""
        # python-socketio's own reconnection gives up for good on errors that it does not expect.
        options = {"heartbeat": HEARTBEAT_SECONDS}
        self._sio = sio = socketio.AsyncClient(reconnection=False, websocket_extra_options=options)
        for event in EVENTS:
            sio.on(event, functools.partial(self._receive, event))
        auth = {"session": self._session, "seen": self._seen}
        connecting = sio.connect(self.url, auth=auth, transports=["websocket"], wait_timeout=60)
        try:
            await asyncio.wait_for(connecting, CONNECT_SECONDS)
            await sio.wait()
        finally:
            self.connected = False
            await sio.disconnect()
        if self._replaced:
            sys.exit("signaling: another program uses our name")

    def _receive(self, event: str, data: dict[str, Any]) -> None:
        # Handlers of python-socketio run side by side: only a queue keeps the order.
        if event == "welcome":
            self.connected = True
            if not data["resumed"]:
                self._seen = 0  # the server knows nothing of before, and counts from 1
        elif event == "error":
            print(f"signaling: {data['code']}: {data['message']}", flush=True)
            self._replaced = data["code"] == "replaced"
        self._seen = data.get("seq", self._seen)
        self.inbox.put_nowait((event, data))

    async def _send(self) -> None:
        """Send each signal until the server has confirmed it."""
        while True:
            signal = await self._outbox.get()
            while True:
                try:
                    await self._sio.call("signal", signal, timeout=ACK_SECONDS)
                    break
                except socketio.exceptions.SocketIOError:
                    await asyncio.sleep(0.1)  # no connection at the moment


def configuration(welcome: dict[str, Any]) -> RTCConfiguration:
    """For RTCPeerConnection: the servers that the signaling server names, and no others."""
    return RTCConfiguration([RTCIceServer(**server) for server in welcome["ice_servers"]])


async def add_candidate(pc: RTCPeerConnection, data: dict[str, Any] | None) -> None:
    """Give a connection a candidate as browsers write it. (aiortc's are in its descriptions.)"""
    if data and data["candidate"]:  # else: that was the last one
        candidate = candidate_from_sdp(data["candidate"].partition(":")[2])
        candidate.sdpMid, candidate.sdpMLineIndex = data["sdpMid"], data["sdpMLineIndex"]
        await pc.addIceCandidate(candidate)
