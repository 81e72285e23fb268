"""A real handshake against a server, by two clients of our own in a room of their own."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from typing import Any, Callable, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
import socketio

from signaling_server.core.auth import PROBE_ROOM_BYTES, PROBE_ROOM_PREFIX
from signaling_server.errors import SignalingError

STEP_SECONDS = 5.0
"""What one step may take."""


class Step(NamedTuple):
    """One step of a probe, which took `milliseconds`; `trouble` is empty if it went well."""

    name: str
    milliseconds: float
    trouble: str = ""


class ProbeError(SignalingError):
    """A step went wrong."""


class Client:
    """One of the two: collects what it hears."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._heard: dict[str, asyncio.Queue[Any]] = {}
        self._sio = socketio.AsyncClient(reconnection=False, http_session=session)
        self._sio.on("*", lambda event, *data: self._queue(event).put_nowait(data))
        self._sio.on("connect_error", lambda data: self._queue("connect_error").put_nowait(data))

    def _queue(self, event: str) -> asyncio.Queue[Any]:
        return self._heard.setdefault(event, asyncio.Queue())

    async def join(self, url: str, name: str, token: str | None) -> dict[str, Any]:
        """Connect; returns the `welcome`."""
        try:
            auth = {"name": name, **({"token": token} if token else {})}
            await self._sio.connect(url, auth=auth, transports=["websocket"])
        except socketio.exceptions.ConnectionError as error:
            refused = self._queue("connect_error")
            raise ProbeError(
                _words(refused.get_nowait()) if refused.qsize() else str(error)
            ) from None
        return await self.hear("welcome")

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


def _words(refusal: Any) -> str:
    if isinstance(refusal, dict):
        details = refusal.get("data") or {}
        return f"refused: {refusal.get('message')}: {details.get('message', '')}".rstrip(": ")
    return str(refusal)


async def probe(
    url: str, token: str | None, tls: ssl.SSLContext, tell: Callable[[Step], None]
) -> bool:
    """Connect two clients and let them exchange offer, answer and candidate.

    Each step is told as it ends; the first that goes wrong is the last. Returns whether all went
    well.
    """
    room = PROBE_ROOM_PREFIX + secrets.token_hex(PROBE_ROOM_BYTES)
    parts = urlsplit(url if "://" in url else f"http://{url}")
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode({"room": room}), ""))
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as session:
        node, gcom = Client(session), Client(session)
        try:
            return await _run(_steps(node, gcom, url, token), tell)
        finally:
            await node.leave()
            await gcom.leave()


def _steps(node: Client, gcom: Client, url: str, token: str | None) -> list[tuple[str, Any]]:
    async def hear(client: Client, event: str, **expected: Any) -> None:
        heard = await client.hear(event)
        wrong = {key: heard.get(key) for key in expected if heard.get(key) != expected[key]}
        if wrong:
            raise ProbeError(f"{event} came with {wrong}, expected {expected}")

    async def relay(one: Client, other: Client, sender: str, to: str, kind: str, data: Any) -> None:
        await one.say(type=kind, to=to, data=data)
        await hear(other, "signal", type=kind, data=data, **{"from": sender})

    async def meet() -> None:
        welcome = await gcom.join(url, g, token)
        if [peer["peer_id"] for peer in welcome["peers"]] != [n]:
            raise ProbeError(f"the room has {welcome['peers']}, expected {n} alone")
        await hear(node, "peer_joined", peer_id=g)

    async def part() -> None:
        await gcom.leave()
        await hear(node, "peer_left", peer_id=g)

    n, g = "probe-node", "probe-gcom"
    offer, answer = {"type": "offer", "sdp": "v=0"}, {"type": "answer", "sdp": "v=0"}
    return [
        ("the first client connects", lambda: node.join(url, n, token)),
        ("the second connects, they meet", meet),
        ("an offer passes", lambda: relay(node, gcom, n, g, "offer", offer)),
        ("an answer passes", lambda: relay(gcom, node, g, n, "answer", answer)),
        ("a candidate passes", lambda: relay(node, gcom, n, g, "ice-candidate", None)),
        ("a goodbye is heard", part),
    ]


async def _run(steps: list[tuple[str, Any]], tell: Callable[[Step], None]) -> bool:
    for name, take in steps:
        started = time.monotonic()
        trouble = ""
        try:
            await asyncio.wait_for(take(), 2 * STEP_SECONDS)
        except ProbeError as error:
            trouble = str(error)
        except asyncio.TimeoutError:
            trouble = "no answer in time"
        except (OSError, aiohttp.ClientError, socketio.exceptions.SocketIOError) as error:
            trouble = str(error) or type(error).__name__
        tell(Step(name, (time.monotonic() - started) * 1000, trouble))
        if trouble:
            return False
    return True
