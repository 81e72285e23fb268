"""Which client that brings no name gets one, and from whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, RoomsSettings
from signaling_server.core.protocol.events import Joined, Left
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import Rule
from signaling_server.transport.namer import Namer
from unit.fake_engine import Transport
from unit.fake_socket import FakeSocket

HOME, AWAY = "127.0.0.1", "192.0.2.1"
ANYBODY = Hello("")
NODE = Rule("node", role="streaming-node", user_agent="Python/*")
GCOM = Rule("gcom", room="drone-1", origin="http://*")


class Scene(Transport):
    """A server with the rules NODE and GCOM."""

    def __init__(self) -> None:
        super().__init__(Config(names=(NODE, GCOM), rooms=RoomsSettings(default="lobby")))
        self.namer = Namer(self.settings, self.relay, self.connections)

    def complete(self, address: str = HOME, hello: Hello = ANYBODY, **headers: str) -> Hello:
        request: Any = SimpleNamespace(headers=headers or {"User-Agent": "Python/3.11"})
        return self.namer.complete(hello, request, address)

    def joined(self, hello: Hello) -> FakeSocket:
        """A client in the relay, at HOME."""
        socket = self.open()
        self.connect("sid", socket)
        self.relay.handle(Joined("sid", hello, HOME), 0.0)
        return socket


def test_rule_gives_name_room_and_role() -> None:
    scene = Scene()
    named = Hello("lobby", "node", "streaming-node", by_rule="names[0]")
    assert scene.complete() == named
    assert scene.complete(Origin="http://a") == Hello("drone-1", "gcom", by_rule="names[1]")
    assert scene.complete(Origin="https://a") == Hello("")


def test_client_keeps_what_it_brings() -> None:
    scene = Scene()
    assert scene.complete(hello=Hello("a", "b")) == Hello("a", "b")
    given = scene.complete(hello=Hello("a", role="camera"))
    assert given == Hello("a", "node", "camera", by_rule="names[0]")


def test_probe_and_call_test_are_exempt() -> None:
    alone = Hello("probe-" + "0" * 32)
    assert Scene().complete(hello=alone) == alone


def test_second_client_stays_unnamed_in_the_room_of_the_first() -> None:
    scene = Scene()
    scene.joined(scene.complete())
    assert scene.complete() == Hello("lobby", None, "streaming-node")
    assert scene.complete(AWAY).name is None


@pytest.mark.parametrize(
    ("state", "address", "named"),
    [
        ("unresponsive", AWAY, True),
        ("closed", AWAY, True),
        ("cut", HOME, True),
        ("cut", AWAY, False),
    ],
)
def test_name_of_a_client_that_is_gone_is_free(state: str, address: str, named: bool) -> None:
    scene = Scene()
    setattr(scene.joined(scene.complete()), state, True)
    assert (scene.complete(address).name == "node") is named


def test_peer_that_is_away_or_without_a_connection_is_absent() -> None:
    scene = Scene()
    scene.joined(Hello("lobby", "node", session="s"))
    scene.relay.handle(Left("sid", "connection-lost", goodbye=False), 1.0)
    assert scene.complete(AWAY).name == "node"
    scene.relay.handle(Joined("sid", Hello("lobby", "node"), HOME), 2.0)
    scene.connections.remove("sid")
    assert scene.complete(AWAY).name == "node"


def test_session_that_comes_back_keeps_its_name() -> None:
    scene = Scene()
    scene.joined(scene.complete(hello=Hello("", session="s")))
    assert scene.complete(AWAY, Hello("", session="s")).name == "node"
    assert scene.complete(AWAY, Hello("", session="t")).name is None


def test_new_rules_act_after_a_reload() -> None:
    scene = Scene()
    scene.settings.replace(Loaded(Config(names=(Rule("drone"),)), {}))
    assert scene.complete().name == "drone"
