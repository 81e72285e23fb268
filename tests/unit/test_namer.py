"""Which client that brings no name is given one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import Rule
from signaling_server.transport.namer import Namer

NODE = Rule("node", role="streaming-node", user_agent="Python/*")
GCOM = Rule("gcom", room="drone-1", origin="http://*")
HOME = Rule("home", address="127.0.0.0/8")
ANYBODY = Hello("")


def settings(*rules: Rule) -> Settings:
    return Settings(Loaded(Config(names=rules), {}))


def completed(hello: Hello = ANYBODY, address: str = "192.0.2.1", **headers: str) -> Hello:
    """By the rules NODE, GCOM and HOME."""
    request: Any = SimpleNamespace(headers={key.replace("_", "-"): v for key, v in headers.items()})
    return Namer(settings(NODE, GCOM, HOME)).complete(hello, request, address)


def test_rule_gives_name_room_and_role() -> None:
    node = Hello("", "node", "streaming-node", by_rule="names[0]")
    assert completed(User_Agent="Python/3.11 aiohttp/3.9") == node
    assert completed(Origin="http://a") == Hello("drone-1", "gcom", by_rule="names[1]")
    assert completed(address="127.0.0.1") == Hello("", "home", by_rule="names[2]")
    assert completed(Origin="https://a") == ANYBODY


def test_client_keeps_what_it_brings() -> None:
    assert completed(Hello("a", "b"), User_Agent="Python/3") == Hello("a", "b")
    given = completed(Hello("a", role="camera"), Origin="http://a")
    assert given == Hello("a", "gcom", "camera", by_rule="names[1]")


def test_probe_and_call_test_are_exempt() -> None:
    alone = Hello("probe-" + "0" * 32)
    assert completed(alone, User_Agent="Python/3") == alone


def test_new_rules_act_after_a_reload() -> None:
    used = settings(NODE)
    namer, request = Namer(used), SimpleNamespace(headers={})
    used.replace(Loaded(Config(names=(Rule("drone"),)), {}))
    asked: Any = request
    assert namer.complete(ANYBODY, asked, "").name == "drone"
