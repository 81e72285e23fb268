"""A real handshake against a server, by two clients of our own in a room of their own."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from typing import Any, Awaitable, Callable, NamedTuple
from urllib.parse import urlencode, urlsplit

import aiohttp
import socketio

from signaling_server.cli.connection_errors import explain
from signaling_server.core.protocol.auth import PROBE_ROOM_BYTES, PROBE_ROOM_PREFIX
from signaling_server.errors import SignalingError
from signaling_server.transport.engine.internals import install_for_clients

STEP_SECONDS = 5.0
"""What a client may wait for one thing; a step is up to two of them."""


class Step(NamedTuple):
    """One step of a probe, which took `milliseconds`; `trouble` is empty if it went well."""

    name: str
    milliseconds: float
    trouble: str = ""


class ProbeError(SignalingError):
    """A step went wrong."""


class MeetingPoint(NamedTuple):
    """Where the two meet: the server's URL without a path, the Socket.IO path, and the room."""

    url: str
    path: str
    room: str


class Client:
    """One of the two: collects what it hears."""

    def __init__(self, session: aiohttp.ClientSession, place: MeetingPoint) -> None:
        self._session = session
        self._place = place
        self._heard: dict[str, asyncio.Queue[Any]] = {}
        self._sio = socketio.AsyncClient(reconnection=False, http_session=session)
        self._sio.on("*", lambda event, *data: self._queue(event).put_nowait(data))
        self._sio.on("connect_error", lambda data: self._queue("connect_error").put_nowait(data))

    def _queue(self, event: str) -> asyncio.Queue[Any]:
        return self._heard.setdefault(event, asyncio.Queue())

    async def join(self, name: str, token: str) -> dict[str, Any]:
        """Connect; returns the `welcome`."""
        url, path, room = self._place
        try:
            await self._sio.connect(
                f"{url}?{urlencode({'room': room})}",
                auth={"name": name, "token": token},
                transports=["websocket"],
                socketio_path=path,
                wait_timeout=STEP_SECONDS,
            )
        except socketio.exceptions.ConnectionError:
            refused = self._queue("connect_error")
            said = refused.get_nowait() if refused.qsize() else None
            if isinstance(said, dict):  # by the server; else by the library, which does not know
                details = said.get("data") or {}
                text = f"refused: {said.get('message')}: {details.get('message', '')}"
                raise ProbeError(text.rstrip(": ")) from None
            raise ProbeError(await self._why()) from None
        return await self.hear("welcome")

    async def _why(self) -> str:
        """Why there is no connection: what plain HTTP gets."""
        query = {"EIO": "4", "transport": "polling", "room": self._place.room}
        url = f"{self._place.url}/{self._place.path.strip('/')}/?{urlencode(query)}"
        try:
            async with self._session.get(url) as answer:
                body = await answer.read()
        except (OSError, aiohttp.ClientError) as error:
            return explain(error)
        if answer.ok:
            return "HTTP works but WebSocket does not: is a proxy in between?"
        try:
            said = json.loads(body)
            return f"refused: {said['code']}: {said['message']}"
        except (ValueError, KeyError, TypeError):
            status = f"HTTP {answer.status} {answer.reason}"
            return f"{status}: is there a hawkeye-signaling, and its socketio.path the same?"

    async def say(self, **signal: Any) -> None:
        """Send a signal that the server must accept."""
        answer = await self._sio.call("signal", signal, timeout=STEP_SECONDS)
        if not answer.get("ok"):
            raise ProbeError(f"refused: {answer.get('error')}")

    async def hear(self, event: str) -> dict[str, Any]:
        """The next event of a kind."""
        try:
            data = await asyncio.wait_for(self._queue(event).get(), STEP_SECONDS)
        except asyncio.TimeoutError:
            raise ProbeError(f"no {event} came within {STEP_SECONDS:g} s") from None
        found: dict[str, Any] = data[0]
        return found

    async def leave(self) -> None:
        """Say goodbye."""
        await self._sio.disconnect()


async def probe(
    url: str, path: str, token: str, tls: ssl.SSLContext, tell: Callable[[Step], None]
) -> None:
    """Connect two clients and let them exchange offer, answer and candidate.

    Each step is told as it ends; the first that goes wrong is the last. `url` and the Socket.IO
    `path` are the server's, `token` may be empty.
    """
    install_for_clients()
    parts = urlsplit(url)
    room = PROBE_ROOM_PREFIX + secrets.token_hex(PROBE_ROOM_BYTES)
    place = MeetingPoint(f"{parts.scheme}://{parts.netloc}", parts.path + path, room)
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as session:
        node, gcom = Client(session, place), Client(session, place)
        try:
            for name, take in _steps(node, gcom, token):
                step = await _timed(name, take())
                tell(step)
                if step.trouble:
                    return
        finally:
            await node.leave()
            await gcom.leave()


def _steps(node: Client, gcom: Client, token: str) -> list[tuple[str, Callable[[], Any]]]:
    async def hear(client: Client, event: str, **expected: Any) -> None:
        heard = await client.hear(event)
        wrong = {key: heard.get(key) for key in expected if heard.get(key) != expected[key]}
        if wrong:
            raise ProbeError(f"{event} came with {wrong}, expected {expected}")

    async def relay(one: Client, other: Client, sender: str, to: str, kind: str, data: Any) -> None:
        await one.say(type=kind, to=to, data=data)
        await hear(other, "signal", type=kind, data=data, **{"from": sender})

    async def meet() -> None:
        welcome = await gcom.join(g, token)
        if [peer["peer_id"] for peer in welcome["peers"]] != [n]:
            raise ProbeError(f"the room has {welcome['peers']}, expected {n} alone")
        await hear(node, "peer_joined", peer_id=g)

    async def part() -> None:
        await gcom.leave()
        await hear(node, "peer_left", peer_id=g)

    n, g = "probe-node", "probe-gcom"
    offer, answer = {"type": "offer", "sdp": "v=0"}, {"type": "answer", "sdp": "v=0"}
    return [
        ("the first client connects", lambda: node.join(n, token)),
        ("the second connects, they meet", meet),
        ("an offer passes", lambda: relay(node, gcom, n, g, "offer", offer)),
        ("an answer passes", lambda: relay(gcom, node, g, n, "answer", answer)),
        ("a candidate passes", lambda: relay(node, gcom, n, g, "ice-candidate", None)),
        ("a goodbye is heard", part),
    ]


async def _timed(name: str, taking: Awaitable[Any]) -> Step:
    started = time.monotonic()
    trouble = ""
    try:
        await asyncio.wait_for(taking, 2 * STEP_SECONDS)
    except ProbeError as error:
        trouble = str(error)
    except socketio.exceptions.SocketIOError as error:
        trouble = str(error) or "no answer in time"
    except (OSError, aiohttp.ClientError, asyncio.TimeoutError) as error:
        trouble = explain(error)
    return Step(name, round((time.monotonic() - started) * 1000, 1), trouble)
