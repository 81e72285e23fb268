"""Tests against a real server process, with the official clients. A test may be a coroutine.

A test with the fixture `kind` runs once for each kind of client. Most tests share one server and
use a room of their own there.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
from typing import Any, Iterator
from urllib.parse import quote, urlencode

import pytest

from contract.websockets import watched
from fleet.redis_programs import chosen
from fleet.redis_server import RedisServer
from integration import in_fleet, server
from integration.client import TRANSPORTS, Client, JavaScriptClient, Node, PythonClient
from integration.server import ServerProcess

KINDS = [f"{language}-{transport}" for language in ("python", "js") for transport in TRANSPORTS]
TEST_SECONDS = 60.0


def pytest_configure(config: pytest.Config) -> None:
    server.PYTHON = os.path.abspath(config.getoption("--server-python"))
    if config.getoption("--no-fast-path"):
        server.SOCKETIO["fast_path"] = False
    if config.getoption("--fleet") == 2:
        in_fleet.TWO_HOSTS.append(True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out kinds of clients that --kinds does not name, and with --fleet what is outside."""
    kinds = config.getoption("--kinds").split(",") if config.getoption("--kinds") else KINDS
    assert {*kinds} <= {*KINDS}, f"--kinds: choose from {', '.join(KINDS)}"
    left_out = [item for item in items if _kind(item) not in (None, *kinds)]
    if config.getoption("--fleet"):
        left_out += [item for item in items if _is_outside(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_outside(item: pytest.Item) -> bool:
    return in_fleet.outside(item.path.stem, getattr(item, "originalname", item.name))


def _kind(item: pytest.Item) -> Any:
    """The kind of client of a test; None if it has none, or is of another folder."""
    kind = item.callspec.params.get("kind") if hasattr(item, "callspec") else None
    return kind if kind in KINDS else None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine in the loop in which the clients live."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    loop: Any = pyfuncitem.funcargs["loop"]
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop.run_until_complete(asyncio.wait_for(pyfuncitem.obj(**arguments), TEST_SECONDS))
    return True


@pytest.fixture(scope="session", autouse=True)
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for all tests: they share the process of the JavaScript clients."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="session", autouse=True)
def redis_of_fleets(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The Redis of all fleets, with --fleet."""
    if not request.config.getoption("--fleet"):
        yield
        return
    program, *_ = chosen(request.config.getoption("--redis-server"))
    redis = RedisServer(tmp_path_factory.mktemp("redis"), server=program).start()
    in_fleet.REDIS.append(redis.url)
    yield
    redis.kill()


@pytest.fixture(autouse=True)
def websockets() -> Iterator[None]:
    """Validate what passes through the WebSockets of this process."""
    with watched():
        yield


@pytest.fixture(scope="session")
def node(loop: asyncio.AbstractEventLoop) -> Iterator[Node]:
    """Runs the JavaScript clients; starts no process as long as there are none."""
    node = Node()
    yield node
    loop.run_until_complete(node.close())


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server on its defaults, for all tests that need no other configuration."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as shared:
        yield shared


_numbers = itertools.count(1)


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room-{next(_numbers)}"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which client over which transport, such as "js-polling"."""
    return str(request.param)


class Visitors:
    """The clients of one test: they leave when it ends. By default they join its own room."""

    def __init__(self, url: str, room: str, kind: str, node: Node) -> None:
        self._url = url
        self._room = room
        self._kind = kind
        self._node = node
        self._clients: list[Client] = []

    def make(self, kind: str = "") -> Client:
        """A client of this kind, by default of the test's own kind; not yet connected."""
        language, transport = (kind or self._kind).split("-")
        client: Client
        if language == "js":
            client = JavaScriptClient(transport, self._node)
        else:
            client = PythonClient(transport)
        self._clients.append(client)
        return client

    async def join(self, name: str = "", kind: str = "", **details: Any) -> Client:
        """A client that has joined: the next event it hears is the one after `welcome`.

        `details`: `auth`, `again` and `ca` as of Client.connect; all others as of `address`.
        """
        client = self.make(kind)
        connect = {key: details.pop(key) for key in ("auth", "again", "ca") if key in details}
        await client.connect(self.address(name=name, **details), **connect)
        client.welcome = await client.next("welcome")
        return client

    def address(self, url: str = "", **query: str) -> str:
        """The URL for a client, by default that of the test's own room on the shared server."""
        if not url:
            url, query = self._url, {"room": self._room, **query}
        return f"{url}/?{urlencode(query, quote_via=quote)}"

    async def leave(self) -> None:
        """Disconnect all clients."""
        await asyncio.gather(*(client.disconnect() for client in self._clients))


@pytest.fixture
def visitors(
    request: pytest.FixtureRequest,
    loop: asyncio.AbstractEventLoop,
    shared_server: ServerProcess,
    room: str,
    node: Node,
) -> Iterator[Visitors]:
    """Makes the clients of a test."""
    has_kind = "kind" in request.fixturenames
    kind = request.getfixturevalue("kind") if has_kind else "python-websocket"
    visitors = Visitors(shared_server.url, room, kind, node)
    yield visitors
    loop.run_until_complete(visitors.leave())
