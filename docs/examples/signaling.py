# SPDX-License-Identifier: MIT
"""The connection to the signaling server: reconnects after every break, loses no signal, and
delivers events in order. docs/client-python.md describes it.

It needs python-socketio and aiohttp; aiortc only for `configuration` and `add_candidate`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import random
import secrets
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Tuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import socketio

if TYPE_CHECKING:
    from aiortc import RTCConfiguration, RTCPeerConnection

EVENTS = ("welcome", "peer_joined", "peer_left", "signal", "error")
CONNECT_SECONDS = (5, 10)
"""How long a try to connect may take, in turns: a short one finds a link that is back sooner, a
long one gets through a slow link."""
RETRY_SECONDS = (0.2, 1.0)
REFUSED_SECONDS = (4.0, 6.0)
"""The same after a refusal, which only a change of the server's files or of the token ends."""
ACK_SECONDS = 2
ASK_AGAIN_SECONDS = 0.1
HEARTBEAT_SECONDS = 4
"""How often a WebSocket PING checks the server, so that a dead link is noticed soon."""

Event = Tuple[str, Any]
Fields = Dict[str, Any]


class Refused(Exception):
    """The server wants no further try: another program has taken over the name."""


def print_line(line: str) -> None:
    """The default of `say`."""
    print(f"signaling: {line}", flush=True)


class Signaling:
    """One session with the server, over any number of connections.

    `urls` are tried in turn until one lets the client in. `name`, `role` and `room` may also stand
    in the query of a URL; the options win.
    """

    def __init__(
        self,
        *urls: str,
        name: str | None = None,
        role: str | None = None,
        room: str | None = None,
        token: str | None = None,
        path: str = "socket.io",
        heartbeat: float = HEARTBEAT_SECONDS,
        say: Callable[[str], None] = print_line,
    ) -> None:
        if not urls:
            raise ValueError("Signaling needs the URL of a server")
        fields = {"name": name, "role": role, "room": room}
        self._urls = [with_query(url, fields) for url in urls]
        self.inbox: asyncio.Queue[Event] = asyncio.Queue()
        """The server's events: (event, data). Handle one at a time."""
        self.connected = False
        """Whether the server has said `welcome` on the present connection."""
        self._token, self._path, self._heartbeat = token, path, heartbeat
        self._session = secrets.token_urlsafe(16)  # once per run of the program
        self._seen = 0
        self._final: Fields | None = None
        self._sio: Any = None
        self._outbox: asyncio.Queue[Fields] = asyncio.Queue()
        self._write = say
        self._said = ""

    async def run(self) -> None:
        """Stay connected until the task is cancelled.

        Raises:
            Refused: another program has taken over the name.
        """
        sending = asyncio.get_running_loop().create_task(self._send())
        try:
            await self._stay_connected()
        finally:
            sending.cancel()

    def send(self, kind: str, to: str, data: Any, **fields: Any) -> None:
        """Queue a signal. The server passes `fields` on unchanged."""
        self._outbox.put_nowait({"type": kind, "to": to, "data": data, **fields})

    async def report(self, report: Mapping[str, Any]) -> None:
        """Tell the server how a call is; a report that cannot be sent is dropped."""
        if self.connected:
            with contextlib.suppress(socketio.exceptions.SocketIOError):
                await self._sio.emit("report", report)

    async def _stay_connected(self) -> None:
        urls, limits = itertools.cycle(self._urls), itertools.cycle(CONNECT_SECONDS)
        url = next(urls)
        while True:
            refusal: Fields = {}
            try:
                await self._connect(url, next(limits), refusal)
                self._tell("disconnect", None, "the connection is lost")
            except Exception as error:  # whatever it is, retry
                reason = refusal or {"code": "", "message": await self._reason(url, error)}
                self._tell("retry", reason, text_of(reason))
                url = next(urls)
            if self._final:
                self._tell("refused", self._final, text_of(self._final))
                raise Refused(text_of(self._final))
            await asyncio.sleep(random.uniform(*(REFUSED_SECONDS if refusal else RETRY_SECONDS)))

    async def _connect(self, url: str, limit: float, refusal: Fields) -> None:
        """Connect; returns when the connection has ended. Fills `refusal` if that is why."""
        # python-socketio's own reconnection gives up on errors that it does not expect.
        options = {"heartbeat": self._heartbeat}
        self._sio = sio = socketio.AsyncClient(reconnection=False, websocket_extra_options=options)
        for event in EVENTS:
            sio.on(event, functools.partial(self._receive, event, url))
        sio.on("connect_error", lambda data=None: refusal.update(refusal_of(data)))
        auth = {"session": self._session, "seen": self._seen}
        if self._token:
            auth["token"] = self._token
        # wait_timeout: the library's own second is too short for a slow link.
        connecting = sio.connect(
            url, auth=auth, transports=["websocket"], socketio_path=self._path, wait_timeout=60
        )
        try:
            await asyncio.wait_for(connecting, limit)
            await sio.wait()
        finally:
            self.connected = False
            await sio.disconnect()

    async def _reason(self, url: str, error: Exception) -> str:
        """Why a try failed: python-socketio drops what a server says with an HTTP 503."""
        if isinstance(error, asyncio.TimeoutError):
            return f"no answer from {place(url)}"
        parts = urlsplit(url)
        query = f"{parts.query}&EIO=4&transport=polling".lstrip("&")
        path = f"/{self._path.strip('/')}/"
        ask = urlunsplit((parts.scheme.replace("ws", "http"), parts.netloc, path, query, ""))
        timeout = aiohttp.ClientTimeout(total=min(CONNECT_SECONDS))
        try:
            async with aiohttp.ClientSession(timeout=timeout) as http, http.get(ask) as answer:
                if answer.status == 503:
                    said = refusal_of(await answer.json(content_type=None))
                    return text_of(said) if said else "HTTP 503"
                if answer.status == 404:
                    return f"no signaling server at {place(url)}{path}: HTTP 404"
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as failed:
            return str(failed) or type(failed).__name__
        return str(error) or type(error).__name__

    def _tell(self, event: str, data: Any, line: str) -> None:
        self._say(line)
        self.inbox.put_nowait((event, data))

    def _say(self, line: str) -> None:
        """Once, however often it is tried again."""
        if line != self._said:
            self._write(line)
        self._said = line

    def _receive(self, event: str, url: str, data: Fields) -> None:
        # python-socketio runs handlers concurrently: only a queue keeps the order.
        if event == "welcome":
            self.connected = True
            self._say(f"{data['peer_id']} is in room {data['room']} of {place(url)}")
            if not data["resumed"]:
                self._seen = 0  # the server knows no earlier session, and counts from 1
        elif event == "error":
            self._say(text_of(data))
            if data["code"] == "replaced":
                self._final = data
        self._seen = data.get("seq", self._seen)
        self.inbox.put_nowait((event, data))

    async def _send(self) -> None:
        """Send each signal until the server has confirmed it."""
        while True:
            signal = await self._outbox.get()
            while True:
                try:
                    if self.connected:
                        self._heed(await self._sio.call("signal", signal, timeout=ACK_SECONDS))
                        break
                except socketio.exceptions.SocketIOError:
                    pass  # no connection at the moment
                await asyncio.sleep(ASK_AGAIN_SECONDS)

    def _heed(self, answer: Any) -> None:
        if isinstance(answer, dict) and not answer.get("ok", True):
            self._say(f"a signal was rejected: {text_of(answer['error'])}")


def refusal_of(data: Any) -> Fields:
    """`{code, message}` of what a server says when it refuses; {} if it is no server's word."""
    if not isinstance(data, dict) or not data.get("message"):
        return {}
    details = data.get("data")
    code = data.get("code") or (details.get("code") if isinstance(details, dict) else None)
    return {"code": str(code or ""), "message": str(data["message"])}


def text_of(refusal: Mapping[str, Any]) -> str:
    """A refusal in a line."""
    code, message = refusal.get("code"), str(refusal.get("message", ""))
    return f"{code}: {message}" if code and not message.startswith(f"{code}:") else message


def place(url: str) -> str:
    """The server of a URL, without its query."""
    return urlunsplit((*urlsplit(url)[:2], "", "", ""))


def with_query(url: str, fields: Mapping[str, str | None]) -> str:
    """A URL with these fields in its query, in place of those that it has by the same names."""
    given = {name: text for name, text in fields.items() if text}
    parts = urlsplit(url)
    kept = [(name, text) for name, text in parse_qsl(parts.query) if name not in given]
    return urlunsplit(parts._replace(query=urlencode([*kept, *given.items()])))


def configuration(welcome: Mapping[str, Any]) -> RTCConfiguration:
    """For aiortc's RTCPeerConnection: the ICE servers from `welcome`, and no others."""
    from aiortc import RTCConfiguration, RTCIceServer

    return RTCConfiguration([RTCIceServer(**server) for server in welcome["ice_servers"]])


async def add_candidate(pc: RTCPeerConnection, data: Mapping[str, Any] | None) -> None:
    """Add a candidate as browsers, GStreamer (sdpMLineIndex alone) or libdatachannel (sdpMid
    alone) send it. (aiortc's own are in its descriptions.)
    """
    from aiortc.sdp import candidate_from_sdp

    text = (data or {}).get("candidate")
    if not data or not text:  # it marks the end of candidates
        return
    candidate = candidate_from_sdp(text[len("candidate:") :] if "candidate:" in text else text)
    candidate.sdpMid, candidate.sdpMLineIndex = data.get("sdpMid"), data.get("sdpMLineIndex")
    if candidate.sdpMid is None and candidate.sdpMLineIndex is None:
        candidate.sdpMLineIndex = 0  # one stream, one line
    await pc.addIceCandidate(candidate)
