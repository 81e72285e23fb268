"""The connection to the signaling server, for streaming_node.py and gcom.py: reconnects after every
break, loses nothing, and delivers events in order.
"""

from __future__ import annotations

import asyncio
import contextlib
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
"""How often a WebSocket PING checks the server, so that a dead link is noticed soon."""


class Signaling:
    """One session with the server, over any number of connections."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inbox: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        """The server's events: (event, data). Handle one at a time."""
        self.connected = False
        self._session = secrets.token_urlsafe(16)  # once per run of the program
        self._seen = 0
        self._replaced = False
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self) -> None:
        """Stay connected until the program ends. Exits when another program takes over the name."""
        await asyncio.gather(self._stay_connected(), self._send())

    def send(self, kind: str, to: str, data: Any, **fields: Any) -> None:
        """Queue a signal. The server passes `fields` on unchanged."""
        self._outbox.put_nowait({"type": kind, "to": to, "data": data, **fields})

    async def report(self, report: dict[str, Any]) -> None:
        """Tell the server how a call is; a report that cannot be sent is dropped."""
        if self.connected:
            with contextlib.suppress(socketio.exceptions.SocketIOError):
                await self._sio.emit("report", report)

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connect()
            except Exception as error:  # whatever it is, retry
                print(f"signaling: {error or type(error).__name__}", flush=True)
            await asyncio.sleep(random.uniform(0.2, 1))

    async def _connect(self) -> None:
        """Connect; returns when the connection has ended."""
        # python-socketio's own reconnection gives up on errors that it does not expect.
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
            sys.exit("signaling: another program uses this name")

    def _receive(self, event: str, data: dict[str, Any]) -> None:
        # python-socketio runs handlers concurrently: only a queue keeps the order.
        if event == "welcome":
            self.connected = True
            if not data["resumed"]:
                self._seen = 0  # the server knows no earlier session, and counts from 1
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
    """For RTCPeerConnection: the ICE servers from `welcome`, and no others."""
    return RTCConfiguration([RTCIceServer(**server) for server in welcome["ice_servers"]])


async def add_candidate(pc: RTCPeerConnection, data: dict[str, Any] | None) -> None:
    """Add a candidate in the form that browsers send. (aiortc's are in its descriptions.)"""
    if data and data["candidate"]:  # otherwise it marks the end of candidates
        candidate = candidate_from_sdp(data["candidate"].partition(":")[2])
        candidate.sdpMid, candidate.sdpMLineIndex = data["sdpMid"], data["sdpMLineIndex"]
        await pc.addIceCandidate(candidate)
