"""The two official clients with one interface. Each records what it hears, in order.

Besides the server's events a client records its own: `connect`, `connect_error`, `disconnect`,
and `upgrade` (only in JavaScript).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import socketio

import needs
from contract import watch
from integration import in_fleet
from integration.server import PATIENCE

JS_CLIENT = Path(__file__).parents[1] / "js" / "client.js"

TRANSPORTS = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}

OWN = ("connect", "connect_error", "disconnect", "upgrade")
"""Events from the client itself, not from the server."""


class Client:
    """One client, made with the name of its transport (see TRANSPORTS)."""

    def __init__(self, transport: str) -> None:
        self.transports = TRANSPORTS[transport]
        self.events: list[tuple[str, Any]] = []
        self.welcome: dict[str, Any] = {}
        self.auth: Any = None
        """What it introduces itself with."""
        self._taken = 0
        self._changed = asyncio.Event()

    @property
    def heard(self) -> list[str]:
        """The names of the server's events so far."""
        return [event for event, _ in self.events if event not in OWN]

    async def next(self, event: str, patience: float | None = PATIENCE) -> Any:
        """Wait for the next `event` and return its payload; events before it are skipped."""
        try:
            return await asyncio.wait_for(self._next(event), patience)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {event!r} in {self.events[self._taken :]}") from None

    async def _next(self, event: str) -> Any:
        while True:
            for name, payload in self.events[self._taken :]:
                self._taken += 1
                if name == event:
                    return payload
            self._changed.clear()
            await self._changed.wait()

    def record(self, event: str, payload: Any = None) -> None:
        """Note an event that the client heard, and check it against the published schemas."""
        if event not in OWN:
            watch.heard(event, payload)
        elif event == "connect_error" and isinstance(payload, dict):
            self._check_refusal(payload)
        if event == "welcome":
            watch.introduced(self.auth)
        self.events.append((event, payload))
        self._changed.set()

    def _check_refusal(self, error: dict[str, Any]) -> None:
        raise NotImplementedError

    async def connect(self, url: str, auth: Any = None, again: bool = False, ca: str = "") -> None:
        """Begin to connect; `again`: reconnect by itself; `ca`: a file of authorities to trust."""
        raise NotImplementedError

    async def emit(self, *arguments: Any) -> None:
        """Send an event: its name and its payloads."""
        raise NotImplementedError

    async def call(self, *arguments: Any) -> Any:
        """Send an event and wait for the answer."""
        answer = await self._call(*arguments)
        watch.answered(arguments[0], arguments[1] if len(arguments) > 1 else None, answer)
        return answer

    async def _call(self, *arguments: Any) -> Any:
        raise NotImplementedError

    async def transport(self) -> str:
        """The transport in use: websocket or polling."""
        raise NotImplementedError

    async def has_given_up(self) -> bool:
        """Whether it is disconnected and will not try again."""
        raise NotImplementedError

    async def disconnect(self) -> None:
        """Say goodbye, and do not reconnect."""
        raise NotImplementedError


class PythonClient(Client):
    """python-socketio's client."""

    _client: Any = None
    _session: aiohttp.ClientSession | None = None
    _was_refused = False

    async def connect(self, url: str, auth: Any = None, again: bool = False, ca: str = "") -> None:
        self.auth = auth
        if ca:
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca))
            self._session = aiohttp.ClientSession(connector=connector)
        self._client = client = socketio.AsyncClient(
            reconnection=again,
            reconnection_delay=0.05,
            reconnection_delay_max=0.2,
            http_session=self._session,
        )
        client.on("*", lambda event, payload=None: self.record(event, payload))
        for event in OWN:
            client.on(event, lambda payload=None, event=event: self.record(event, payload))
        try:
            await client.connect(
                in_fleet.address(url),
                auth=auth,
                transports=self.transports,
                wait_timeout=PATIENCE,
            )
        except socketio.exceptions.ConnectionError:  # recorded as a connect_error, too
            self._was_refused = True
        except RuntimeError as error:
            # python-engineio closes its connection before it reads the body of a refusal. aiohttp
            # 3.8 sends that in a segment of its own, so that on a busy machine it comes too late:
            # the client is refused all the same, and has lost the reason.
            if str(error) != "Connection closed.":
                raise
            self._was_refused = True
            self.record("connect_error")

    def _check_refusal(self, error: dict[str, Any]) -> None:
        if "code" in error:  # it hands out the body of a refused handshake
            watch.refused_handshake(error)
        else:
            watch.refused(error)

    async def emit(self, *arguments: Any) -> None:
        await self._client.emit(arguments[0], arguments[1:])

    async def _call(self, *arguments: Any) -> Any:
        return await self._client.call(arguments[0], arguments[1:], timeout=10)

    async def transport(self) -> str:
        return str(self._client.transport())

    async def has_given_up(self) -> bool:
        if self._was_refused:  # it reconnects only after it was connected
            return True
        try:
            await asyncio.wait_for(self._client.wait(), PATIENCE)
        except asyncio.TimeoutError:
            return False
        return True

    async def disconnect(self) -> None:
        if self._client is not None:
            await self._client.shutdown()
        if self._session is not None:
            await self._session.close()


class JavaScriptClient(Client):
    """socket.io-client under Node, driven through `js/client.js`."""

    def __init__(self, transport: str, node: Node) -> None:
        super().__init__(transport)
        self._ask = node.introduce(self)

    async def connect(self, url: str, auth: Any = None, again: bool = False, ca: str = "") -> None:
        self.auth = auth
        options = {
            "transports": self.transports,
            "auth": auth,
            "reconnection": again,
            "reconnectionDelay": 50,
            "reconnectionDelayMax": 200,
        }
        if ca:
            options["ca"] = _text_of(ca)
        await self._ask("connect", url=in_fleet.address(url), options=options)

    def _check_refusal(self, error: dict[str, Any]) -> None:
        if "code" in error:  # js/client.js puts both parts together; other errors are its own
            watch.refused({"message": error["message"], "data": error})

    async def emit(self, *arguments: Any) -> None:
        await self._ask("emit", arguments=arguments)

    async def _call(self, *arguments: Any) -> Any:
        return await self._ask("call", arguments=arguments)

    async def transport(self) -> str:
        return str((await self._ask("state"))["transport"])

    async def has_given_up(self) -> bool:
        state = await self._ask("state")
        return not state["connected"] and not state["active"]

    async def disconnect(self) -> None:
        with contextlib.suppress(KeyError):
            await self._ask("disconnect")


class Node:
    """The process in which all JavaScript clients run; their first request starts it.

    You must await `close()`.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None]
        self._clients: dict[str, Client] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()

    def introduce(self, client: Client) -> Any:
        """Record what a client hears; returns the function by which it sends its requests.

        Fails the test where JavaScript clients cannot run.
        """
        needs.require_javascript()
        name = f"client-{next(self._numbers)}"
        self._clients[name] = client

        async def ask(what: str, **details: Any) -> Any:
            number = next(self._numbers)
            request = {"id": number, "client": name, "do": what, **details}
            answer = self._answers[number] = asyncio.get_running_loop().create_future()
            stdin = await self._stdin()
            stdin.write(json.dumps(request, default=_binary).encode() + b"\n")
            return await asyncio.wait_for(answer, PATIENCE)

        return ask

    async def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        (await self._stdin()).close()
        await asyncio.wait_for(self._process.wait(), PATIENCE)
        await self._reading

    async def _stdin(self) -> asyncio.StreamWriter:
        """Where requests go; starts the process if there is none."""
        async with self._starting:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    "node",
                    str(JS_CLIENT),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=2**24,
                )
                assert self._process.stdout is not None
                reading = self._read(self._process.stdout)
                self._reading = asyncio.get_running_loop().create_task(reading)
        assert self._process.stdin is not None
        return self._process.stdin

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            message = json.loads(line)
            if "client" in message:
                self._clients[message["client"]].record(message["event"], message.get("payload"))
            elif "failure" in message:
                self._answers.pop(message["id"]).set_exception(AssertionError(message["failure"]))
            else:
                self._answers.pop(message["id"]).set_result(message["answer"])


def _text_of(file: str) -> str:
    return Path(file).read_text()


def _binary(value: bytes) -> Any:
    return {"$binary": value.decode()}
