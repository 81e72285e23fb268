"""A handshake through a server, by two real Socket.IO clients in a room of their own."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from typing import Any, Awaitable, Callable, NamedTuple, Sequence
from urllib.parse import urlencode, urlsplit

import aiohttp
import socketio

from signaling_server.cli.connection_errors import explain
from signaling_server.core.protocol.auth import PROBE_ROOM_BYTES, PROBE_ROOM_PREFIX
from signaling_server.errors import SignalingError
from signaling_server.transport.engine.internals import install_for_clients

STEP_SECONDS = 5.0
"""How long a client waits for one answer or event; a step waits for two at most."""


class Step(NamedTuple):
    """One step of a probe and how long it took; `trouble` is empty if it succeeded."""

    name: str
    milliseconds: float
    trouble: str = ""


class ProbeError(SignalingError):
    """A step failed; str() says why."""


class MeetingPoint(NamedTuple):
    """Where the clients meet: the server's URL without a path, the Socket.IO path, the room."""

    url: str
    path: str
    room: str


class Client:
    """One of the two clients. Queues the events that it receives, by name."""

    def __init__(self, session: aiohttp.ClientSession, place: MeetingPoint) -> None:
        self._session = session
        self._place = place
        self.ice_servers: list[dict[str, Any]] = []
        """Those in `welcome`."""
        self._received: dict[str, asyncio.Queue[Any]] = {}
        self._sio = socketio.AsyncClient(reconnection=False, http_session=session)
        self._sio.on("*", lambda event, *data: self._queue(event).put_nowait(data))
        self._sio.on("connect_error", lambda data: self._queue("connect_error").put_nowait(data))

    def _queue(self, event: str) -> asyncio.Queue[Any]:
        return self._received.setdefault(event, asyncio.Queue())

    async def join(self, name: str, token: str) -> dict[str, Any]:
        """Connect; returns the `welcome`. Raises ProbeError."""
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
            errors = self._queue("connect_error")
            said = errors.get_nowait() if errors.qsize() else None
            # A dict is the server's own connect error; the library's text gives no reason.
            reason = _refused(said) if isinstance(said, dict) else await self._why()
            raise ProbeError(reason) from None
        welcome = await self.receive("welcome")
        self.ice_servers = welcome.get("ice_servers", [])
        return welcome

    async def _why(self) -> str:
        """Why a WebSocket could not be opened, judged by what plain HTTP gets."""
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
            reason = json.loads(body)
            return f"refused: {reason['code']}: {reason['message']}"
        except (ValueError, KeyError, TypeError):
            status = f"HTTP {answer.status} {answer.reason}"
            return f"{status}: is hawkeye-signaling there, with the same socketio.path?"

    async def send(self, **signal: Any) -> None:
        """Send a signal. Raises ProbeError if the server does not accept it."""
        answer = await self._sio.call("signal", signal, timeout=STEP_SECONDS)
        if not answer.get("ok"):
            raise ProbeError(f"refused: {answer.get('error')}")

    async def receive(self, event: str) -> dict[str, Any]:
        """The payload of the next event of this name. Raises ProbeError."""
        try:
            data = await asyncio.wait_for(self._queue(event).get(), STEP_SECONDS)
        except asyncio.TimeoutError:
            raise ProbeError(f"no {event} came within {STEP_SECONDS:g} s") from None
        payload: dict[str, Any] = data[0]
        return payload

    async def leave(self) -> None:
        """Disconnect with a goodbye."""
        await self._sio.disconnect()


def _refused(error: dict[str, Any]) -> str:
    """A connect error of the server, as one sentence."""
    details = error.get("data") or {}
    return f"refused: {error.get('message')}: {details.get('message', '')}".rstrip(": ")


async def probe(
    urls: Sequence[str], path: str, token: str, tls: ssl.SSLContext, report: Callable[[Step], None]
) -> list[dict[str, Any]]:
    """Connect two clients and let them exchange an offer, an answer and a candidate.

    Returns the ICE servers that a client got.

    `report` is called as each step ends; a step that fails is the last. `urls` and the Socket.IO
    `path` are the server's, or those of two hosts of a fleet, one for each client; `token` may be
    empty.
    """
    install_for_clients()
    room = PROBE_ROOM_PREFIX + secrets.token_hex(PROBE_ROOM_BYTES)
    places = [_place(url, path, room) for url in urls]
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as session:
        node, gcom = Client(session, places[0]), Client(session, places[-1])
        steps = _steps(node, gcom, token)
        if len(urls) > 1:
            steps.insert(0, ("two hosts of a fleet answer", lambda: two_hosts(session, urls)))
        try:
            for name, begin in steps:
                step = await _timed(name, begin())
                report(step)
                if step.trouble:
                    break
        finally:
            await node.leave()
            await gcom.leave()
    return node.ice_servers


def _place(url: str, path: str, room: str) -> MeetingPoint:
    parts = urlsplit(url)
    return MeetingPoint(f"{parts.scheme}://{parts.netloc}", parts.path + path, room)


async def two_hosts(session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
    """Raise ProbeError unless these are two processes, each in a fleet."""
    instances = []
    for url in urls:
        try:
            async with session.get(f"{url}/healthz") as answer:
                health = await answer.json()
            instances.append(health["instance"])
            fleet = health.get("fleet")
        except (ValueError, KeyError, TypeError, AttributeError, aiohttp.ContentTypeError):
            raise ProbeError(f"hawkeye-signaling is not at {url}") from None
        if fleet != "together":
            state = "alone: Redis does not answer there" if fleet else "part of no fleet"
            raise ProbeError(f"the host at {url} is {state}")
    if len({*instances}) < len(instances):
        raise ProbeError("both URLs lead to the same host")


def _steps(node: Client, gcom: Client, token: str) -> list[tuple[str, Callable[[], Any]]]:
    async def expect(client: Client, event: str, **expected: Any) -> None:
        payload = await client.receive(event)
        wrong = {key: payload.get(key) for key in expected if payload.get(key) != expected[key]}
        if wrong:
            raise ProbeError(f"{event} came with {wrong}, expected {expected}")

    async def relay(
        source: Client, target: Client, sender: str, to: str, kind: str, data: Any
    ) -> None:
        await source.send(type=kind, to=to, data=data)
        await expect(target, "signal", type=kind, data=data, **{"from": sender})

    async def meet() -> None:
        welcome = await gcom.join(gcom_name, token)
        if [peer["peer_id"] for peer in welcome["peers"]] != [node_name]:
            raise ProbeError(f"the room has {welcome['peers']}, expected {node_name} alone")
        await expect(node, "peer_joined", peer_id=gcom_name)

    async def part() -> None:
        await gcom.leave()
        await expect(node, "peer_left", peer_id=gcom_name)

    node_name, gcom_name = "probe-node", "probe-gcom"
    there, back = (node_name, gcom_name), (gcom_name, node_name)
    offer, answer = {"type": "offer", "sdp": "v=0"}, {"type": "answer", "sdp": "v=0"}
    return [
        ("the first client connects", lambda: node.join(node_name, token)),
        ("the second connects, they meet", meet),
        ("an offer passes", lambda: relay(node, gcom, *there, "offer", offer)),
        ("an answer passes", lambda: relay(gcom, node, *back, "answer", answer)),
        ("a candidate passes", lambda: relay(node, gcom, *there, "ice-candidate", None)),
        ("a goodbye is heard", part),
    ]


async def _timed(name: str, work: Awaitable[Any]) -> Step:
    started = time.monotonic()
    trouble = ""
    try:
        await asyncio.wait_for(work, 2 * STEP_SECONDS)
    except ProbeError as error:
        trouble = str(error)
    except socketio.exceptions.SocketIOError as error:
        trouble = str(error) or "no answer in time"
    except (OSError, aiohttp.ClientError, asyncio.TimeoutError) as error:
        trouble = explain(error)
    return Step(name, round((time.monotonic() - started) * 1000, 1), trouble)
