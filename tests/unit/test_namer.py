"""Which client that brings no name gets one, and from whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, RoomsSettings
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import Rule
from signaling_server.transport.namer import Namer
from unit.fake_engine import Transport

HOME, AWAY = "127.0.0.1", "192.0.2.1"
ANYBODY = Hello("")
NODE = Rule("node", role="streaming-node", user_agent="Python/*")
GCOM = Rule("gcom", room="drone-1", origin="http://*")


class Scene(Transport):
    """A server with the rules NODE and GCOM."""

    def __init__(self) -> None:
        super().__init__(Config(names=(NODE, GCOM), rooms=RoomsSettings(default="lobby")))
        self.namer = Namer(self.settings)

    def complete(self, address: str = HOME, hello: Hello = ANYBODY, **headers: str) -> Hello:
        request: Any = SimpleNamespace(headers=headers or {"User-Agent": "Python/3.11"})
        return self.namer.complete(hello, request, address)


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


def test_new_rules_act_after_a_reload() -> None:
    scene = Scene()
    scene.settings.replace(Loaded(Config(names=(Rule("drone"),)), {}))
    assert scene.complete().name == "drone"
