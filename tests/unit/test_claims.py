from __future__ import annotations

from typing import Any

import pytest

from scenarios.scene import settings
from signaling_server.core.protocol import claims
from signaling_server.core.protocol.contests import MAX_TAKEOVERS
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.occupancy import Occupancy
from signaling_server.core.protocol.peers import Change, Peer, Room
from signaling_server.errors import Rejection


def room_of(*hellos: Hello) -> Room:
    occupancy = Occupancy()
    room = Room("drone-1")
    for number, hello in enumerate(hellos):
        joined = Joined(f"sid-{number}", hello, f"10.0.0.{number}", "websocket")
        occupancy.entered(Peer(room, joined, Budget(10_000)))
    return room


def hello(name: str | None = None, session: str | None = None, seen: int = 0) -> Hello:
    return Hello("drone-1", name, None, session, seen)


def judge(
    room: Room | None,
    claim: Hello,
    early: bool = False,
    pulse: Pulse = Pulse.LIVES,
    address: str = "",
    **limits: int,
) -> None:
    ask = claims.admit_early if early else claims.admit
    occupancy = Occupancy()
    occupancy.rooms.update({room.name: room} if room else {"other": Room("other")})
    ask(occupancy, settings(rooms=limits), Joined("new", claim, address, holder=pulse), 100.0)


def refusal(*args: Any, **options: Any) -> str:
    """The code that a client is refused with; empty if it is let in."""
    try:
        judge(*args, **options)
    except Rejection as rejection:
        return rejection.code
    return ""


def test_new_room_needs_a_place_among_the_rooms() -> None:
    assert refusal(None, hello(), max_rooms=1) == "server-full"
    assert refusal(None, hello(), max_rooms=2) == refusal(None, hello(), max_rooms=0) == ""


def test_newcomer_needs_a_place_in_the_room() -> None:
    room = room_of(hello("node"))
    assert refusal(room, hello("gcom"), max_peers=1) == "room-full"
    assert refusal(room, hello("gcom"), max_peers=2) == refusal(room, hello("gcom")) == ""


def test_name_that_is_there_brings_its_place() -> None:
    assert refusal(room_of(hello("node")), hello("node"), max_peers=1) == ""


def test_session_that_returns_brings_its_place() -> None:
    room = room_of(hello(session="key"))
    assert refusal(room, hello(session="key"), max_peers=1) == ""


def test_id_of_an_unnamed_peer_is_no_name() -> None:
    assert refusal(room_of(hello()), hello("sid-0")) == "invalid-name"


def contested() -> Room:
    room = room_of(hello("node", session="key"))
    for _ in range(MAX_TAKEOVERS):
        room.peers["node"].claim.count(99.0)
    return room


def test_contested_name_stays_with_its_holder_while_it_is_present() -> None:
    room = contested()
    assert refusal(room, hello("node")) == "name-in-use"
    assert room.peers["node"].claim.declared
    room.peers["node"].change(Change.BROKE)
    assert refusal(room, hello("node")) == ""


@pytest.mark.parametrize("pulse", [Pulse.SILENT, Pulse.CLOSED])
def test_contested_name_is_free_if_its_holder_seems_to_be_gone(pulse: Pulse) -> None:
    assert refusal(contested(), hello("node"), pulse=pulse) == ""


def test_refusal_names_the_address_of_the_holder_for_the_log_alone() -> None:
    with pytest.raises(Rejection) as refused:
        judge(contested(), hello("node"), address="10.0.0.7")
    assert refused.value.message.startswith("two clients are using the name node")
    assert "10.0.0.0" in refused.value.note
    assert "10.0.0.0" not in str(refused.value.payload())


def test_one_address_is_never_called_two_machines() -> None:
    with pytest.raises(Rejection) as refused:
        judge(contested(), hello("node"), address="10.0.0.0")
    assert refused.value.code == "name-in-use"
    text = "another program at 10.0.0.0 uses the name node and keeps it"
    assert refused.value.message == text


BY_RULE = Hello("drone-1", "gcom", "viewer", by_rule="rule 1")


def name_of(room: Room | None, claim: Hello, pulse: Pulse, address: str = "10.0.0.7") -> str | None:
    """The name that a client gets which a rule names."""
    rooms = {room.name: room} if room else {}
    return claims.settled(rooms, Joined("new", claim, address, holder=pulse)).hello.name


@pytest.mark.parametrize(
    ("pulse", "address", "gets"),
    [
        (Pulse.LIVES, "10.0.0.7", False),
        (Pulse.LIVES, "10.0.0.0", False),
        (Pulse.CLOSED, "10.0.0.7", False),
        (Pulse.CLOSED, "10.0.0.0", True),
        (Pulse.SILENT, "10.0.0.7", True),
    ],
)
def test_name_of_a_rule_is_a_weaker_claim(pulse: Pulse, address: str, gets: bool) -> None:
    room = room_of(hello("gcom"))
    assert name_of(room, BY_RULE, pulse, address) == ("gcom" if gets else None)
    assert name_of(room, hello("gcom"), pulse, address) == "gcom"


def test_name_of_a_rule_is_given_where_nobody_is_connected_under_it() -> None:
    assert name_of(None, BY_RULE, Pulse.LIVES) == "gcom"
    room = room_of(hello("node"), hello("gcom", session="key"))
    room.peers["gcom"].change(Change.BROKE)
    assert name_of(room, BY_RULE, Pulse.LIVES) == "gcom"


def test_session_keeps_the_name_or_the_lack_of_one() -> None:
    with_session = BY_RULE._replace(session="key")
    assert name_of(room_of(hello("gcom", session="key")), with_session, Pulse.LIVES) == "gcom"
    assert name_of(room_of(hello(session="key")), with_session, Pulse.LIVES) is None


def test_id_of_an_unnamed_peer_is_given_by_no_rule() -> None:
    claim = BY_RULE._replace(name="sid-0")
    assert name_of(room_of(hello()), claim, Pulse.SILENT) is None


def test_client_that_stays_unnamed_keeps_the_rest_and_is_no_longer_one_of_the_rule() -> None:
    joined = Joined("new", BY_RULE, "10.0.0.7")
    hello_then = claims.settled({"drone-1": room_of(hello("gcom"))}, joined).hello
    assert hello_then == Hello("drone-1", None, "viewer")


def test_early_judge_refuses_nobody_for_the_name_of_a_rule() -> None:
    room = contested()
    assert refusal(room, hello("node"), early=True) == ""
    assert refusal(room, BY_RULE._replace(name="node"), early=True) == ""


def test_early_judge_spares_whom_a_session_could_let_in() -> None:
    room = room_of(hello("node", session="key"))
    assert refusal(room, hello("node"), early=True, max_peers=1) == ""
    assert refusal(room, hello("gcom"), early=True, max_peers=1) == "room-full"
    assert refusal(None, hello("gcom"), early=True, max_rooms=1) == "server-full"


def test_session_returns_under_its_name_and_without_a_gap() -> None:
    room = room_of(hello("node", session="key"))
    peer = room.peers["node"]
    assert claims.returning(room, hello("node", session="key")) is peer
    assert claims.returning(room, hello("node")) is None
    assert claims.returning(room, hello("gcom", session="key")) is None
    assert claims.returning(room, hello("node", session="key", seen=7)) is None


def test_holder_is_found_by_name_or_else_by_session() -> None:
    room = room_of(hello("node"), hello(session="key"))
    assert claims.holder(room, hello("node")) is room.peers["node"]
    assert claims.holder(room, hello(session="key")) is room.peers["sid-1"]
    assert claims.holder(room, hello()) is None
