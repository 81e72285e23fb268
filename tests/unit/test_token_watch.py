from __future__ import annotations

import asyncio
from typing import Any

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import AuthSettings, Config, LimitsSettings
from signaling_server.core.fleet.joining import voucher
from signaling_server.core.protocol.auth import Grant, Tokens
from signaling_server.core.protocol.events import Joined, Left, Revoked
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.relay import Relay
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.token_watch import LONGEST_WAIT, SHORTEST_WAIT, TokenWatch
from unit.fake_socket import FakeSocket

NOON = 1_800_000_000.0
SOON = Grant("1", "", "node", expires=NOON + 100)
LATE = Grant("2", "", "gcom", expires=NOON + 1e6)
RELEASED = NOON - 1e6


class Scene:
    """A TokenWatch with a node and a gcom, whose tokens expire soon and late."""

    def __init__(self, end_expired: bool = False, tokens: bool = True) -> None:
        config = Config(auth=AuthSettings("/tokens", end_expired))
        granted = Tokens([SOON, LATE], RELEASED) if tokens else None
        self.relay = Relay(config)
        self.connections = Connections()
        self.events: list[Any] = []
        switchboard: Any = self
        settings = Settings(Loaded(config, {}, granted))
        self.watch = TokenWatch(settings, self.relay, self.connections, switchboard)
        self.node, self.gcom = (self.connect(grant) for grant in (SOON, LATE))

    def connect(self, grant: Grant) -> FakeSocket:
        socket = FakeSocket(grant.name)
        connection = Connection(grant.name, socket, "", LimitsSettings())
        connection.grant = grant
        connection.outbox.uncork()
        self.connections.add(connection)
        self.relay.handle(Joined(grant.name, Hello("default", grant.name), grant=grant), 0.0)
        return socket

    def handle(self, event: Any) -> None:
        self.events.append(event)

    def look(self, after: float) -> float:
        return self.watch.look(NOON + after, after)


def test_client_and_operator_are_warned_once_before_a_token_expires(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    for after in (0.0, 30.0):
        assert scene.look(after) == min(LONGEST_WAIT, 100 - after)
    assert scene.node.written == ['2["token_expires",{"seconds":100}]']
    assert scene.gcom.written == []
    assert scene.watch.warnings == ["the token of node expires in less than an hour"]
    assert caplog.text.count("the token of node expires in less than an hour") == 1


def test_token_that_another_host_vouches_for_ends_here_and_is_warned_of_there() -> None:
    scene = Scene(end_expired=True)
    vouched = voucher(Grant("3", "", "far", expires=NOON + 50))
    scene.relay.handle(Joined("far", Hello("default", "far"), grant=vouched), 0.0)
    scene.look(0.0)
    assert scene.watch.warnings == ["the token of node expires in less than an hour"]
    assert scene.look(50.0) == 50.0
    assert scene.events == [Revoked(frozenset({vouched}), "the token has expired")]


def test_client_in_a_room_of_another_host_is_warned_here() -> None:
    scene = Scene()
    scene.relay.handle(Left("node", "goodbye", True), 0.0)
    scene.look(0.0)
    assert scene.node.written == ['2["token_expires",{"seconds":100}]']


def test_live_connection_stays_when_its_token_expires() -> None:
    scene = Scene()
    assert scene.look(100.0) == LONGEST_WAIT
    assert scene.events == []
    assert scene.node.written == [], "it is too late for a warning"
    assert "has expired" in scene.watch.warnings[0]


def test_live_connection_ends_with_its_token_if_the_settings_say_so() -> None:
    scene = Scene(end_expired=True)
    assert scene.look(99.5) == SHORTEST_WAIT
    assert scene.events == []
    scene.look(100.5)
    assert scene.events == [Revoked({SOON}, "the token has expired")]


def test_nobody_is_disconnected_within_a_minute_of_a_jump_of_the_clock() -> None:
    scene = Scene(end_expired=True)
    scene.look(0.0)
    scene.watch.look(NOON + 500, 10.0)
    scene.watch.look(NOON + 550, 60.0)
    assert scene.events == []
    scene.watch.look(NOON + 570, 80.0)
    assert len(scene.events) == 1


def test_tokens_are_not_judged_while_the_clock_is_not_set() -> None:
    scene = Scene(end_expired=True)
    scene.watch.look(RELEASED - 1, 0.0)
    assert (scene.events, scene.watch.warnings) == ([], [])


def test_without_tokens_there_is_nothing_to_watch() -> None:
    scene = Scene(end_expired=True, tokens=False)
    assert scene.look(200.0) == LONGEST_WAIT
    assert scene.events == []


def test_watch_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    async def watch() -> None:
        scene = Scene()
        ended = asyncio.Event()

        def look(wall: float, monotonic: float) -> float:
            looks.append(wall)
            if len(looks) == 3:
                ended.set()
            return 0.0

        monkeypatch.setattr(scene.watch, "look", look)
        task = asyncio.get_running_loop().create_task(scene.watch.keep_looking())
        await ended.wait()
        task.cancel()

    asyncio.run(asyncio.wait_for(watch(), 5))
    assert len(looks) == 3
