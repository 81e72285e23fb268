from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.fleet.joining import voucher
from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import Rule
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport.admission import Admission, address_of

TOKEN, TOKEN_ID = new_token(bytes(37))
TOKENS = Tokens([Grant(TOKEN_ID, digest(TOKEN), "node", rooms=("drone-1",))], released=0.0)
HOME, AWAY = "127.0.0.1", "192.0.2.1"


def asked(query: str) -> Any:
    """A handshake."""
    return SimpleNamespace(remote=HOME, rel_url=URL(f"/?{query}", encoded=True), headers={})


class Door:
    """An Admission with `count` connections; `refuses(query)` is the code of a refusal, or ""."""

    def __init__(self, tokens: Tokens | None = None, names: Any = (), **limits: Any) -> None:
        self.count = 0
        config = Config(limits=LimitsSettings(**limits), names=names)
        self.settings = Settings(Loaded(config, {}, tokens))
        self.relay = Relay(config)
        self.admission = Admission(self.settings, self.relay, lambda: self.count)

    def refuses(self, query: str = "") -> str:
        refused = self.admission.refusal(asked(query))
        return refused[0].code if refused else ""


def test_client_is_not_refused_while_there_is_room() -> None:
    assert Door().refuses("room=drone-1&name=node") == ""


def test_full_server_refuses_for_now() -> None:
    door = Door(connections=2)
    door.count = 1
    assert door.refuses() == ""
    door.count = 2
    assert door.refuses() == "server-full"


def test_connections_of_an_address_are_bounded_while_they_last() -> None:
    door = Door(connections_per_address=2)
    for _ in range(2):
        assert door.refuses() == ""
        door.admission.opened(HOME)
    assert door.refuses() == "server-full"
    door.admission.ended(HOME)
    assert door.refuses() == ""
    door.admission.ended(HOME)
    assert not door.admission._by_address


def test_server_that_stops_refuses_every_client_for_now() -> None:
    door = Door()
    door.admission.closing = True
    assert door.refuses() == "shutting-down"


@pytest.mark.parametrize("query", ["name=%0a", "room=a%20b", "token=x"])
def test_permanent_refusals_wait_for_the_connect(query: str) -> None:
    assert Door(tokens=TOKENS).refuses(query) == ""


def test_token_in_the_query_identifies_a_client() -> None:
    admission = Door(tokens=TOKENS).admission
    hello, grant = admission.identify(None, asked(f"token={TOKEN}&role=a%26b"))
    assert (hello.name, hello.room, hello.role) == ("node", "drone-1", "a&b")
    assert admission.may_stay(grant)
    assert not admission.may_stay(None)


def test_without_a_token_nobody_is_anybody() -> None:
    with pytest.raises(Rejection, match="requires a token"):
        Door(tokens=TOKENS).admission.identify({"name": "node"}, asked("room=drone-1"))


def test_without_tokens_a_client_is_what_it_says() -> None:
    admission = Door().admission
    hello, grant = admission.identify({"name": "gcom"}, asked("name=node&room=a"))
    assert (hello.name, hello.room, grant) == ("gcom", "a", None)
    assert admission.may_stay(None)


def test_rule_names_a_client_that_brings_no_name() -> None:
    door = Door(names=(Rule("node", room="drone-1", address=HOME),))
    hello, _ = door.admission.identify(None, asked(""))
    assert (hello.name, hello.room, hello.by_rule) == ("node", "drone-1", "names[0]")
    hello, _ = door.admission.identify(None, asked("name=gcom"))
    assert (hello.name, hello.room, hello.by_rule) == ("gcom", "default", None)


def test_token_names_its_client_whatever_the_rules_say() -> None:
    door = Door(tokens=TOKENS, names=(Rule("gcom"),))
    hello, _ = door.admission.identify(None, asked(f"token={TOKEN}"))
    assert (hello.name, hello.by_rule) == ("node", None)


def test_new_tokens_apply_at_once() -> None:
    door = Door()
    door.settings.replace(Loaded(Config(), {}, TOKENS))
    assert not door.admission.may_stay(None)


def test_second_failure_from_an_address_waits() -> None:
    admission = Door().admission
    assert admission.penalty(HOME) == 0
    assert admission.penalty(HOME) > 0
    assert admission.penalty("192.0.2.1") == 0


def test_address_is_that_of_the_connection() -> None:
    headers = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}
    request = make_mocked_request("GET", "/", headers=headers)
    assert address_of(request) == ""
    request._cache["remote"] = HOME
    assert address_of(request) == HOME


def test_client_is_introduced_under_the_name_that_it_may_have() -> None:
    pulses = {"n": Pulse.LIVES}
    relay = Relay(Config())
    admission = Admission(
        Settings(Loaded(Config(), {})), relay, lambda: 0, lambda sid: pulses.get(sid, Pulse.SILENT)
    )
    relay.handle(Joined("n", Hello("default", "node")), 0.0)
    hello = Hello("default", "node", by_rule="rule 1")
    joined = admission.introduce("x", hello, HOME, "polling", None)
    assert joined == Joined("x", Hello("default"), HOME, "polling")
    pulses["n"] = Pulse.SILENT
    joined = admission.introduce("x", hello, HOME, "polling", None)
    assert (joined.hello.name, joined.holder) == ("node", Pulse.SILENT)


@pytest.mark.parametrize(("left", "said"), [(None, None), (3600, 3600), (90000, None)])
def test_client_hears_when_its_token_expires_soon(left: int | None, said: int | None) -> None:
    grant = Grant("1", "", "node", expires=left and time.time() + left + 0.5)
    admission = Door(tokens=Tokens([grant], released=0.0)).admission
    assert admission.introduce("x", Hello("default"), HOME, "", grant).token_expires == said


def test_token_in_the_url_vouches_for_its_bearer() -> None:
    assert not Door().admission.vouches("")
    admission = Door(tokens=TOKENS).admission
    assert admission.vouches(f"room=drone-1&token={TOKEN}")
    assert not admission.vouches("room=drone-1&token=hs_wrong")
    assert not admission.vouches(f"room=other&token={TOKEN}")


def test_clients_of_a_crowd_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)  # no time passes between two of them
    door = Door()
    for number in range(100):
        door.relay.handle(Joined(str(number), Hello("crowd")), 0.0)
    waits = [door.admission.wait_for_turn(room) for room in ("crowd", "crowd", "other")]
    assert waits[0] == waits[2] == 0.0
    assert waits[1] > 0.0


def test_a_client_that_another_host_vouched_for_is_judged_there() -> None:
    grant = Grant("elsewhere", "ab" * 32, "node")
    assert not Door(tokens=TOKENS).admission.may_stay(grant)
    assert Door(tokens=TOKENS).admission.may_stay(voucher(grant))
