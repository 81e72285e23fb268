from __future__ import annotations

import pytest

from scenarios.scene import settings
from signaling_server.core.protocol import claims
from signaling_server.core.protocol.claims import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.peers import Change, Peer, Room
from signaling_server.errors import Rejection


def room_of(*hellos: Hello) -> Room:
    room = Room("drone-1")
    for number, hello in enumerate(hellos):
        joined = Joined(f"sid-{number}", hello, f"10.0.0.{number}", "websocket")
        room.add(Peer(room, joined, Budget(10_000)))
    return room


def hello(name: str | None = None, session: str | None = None, seen: int = 0) -> Hello:
    return Hello("drone-1", name, None, session, seen)


def refusal(room: Room | None, claim: Hello, early: bool = False, **limits: int) -> str:
    """The code that a client is refused with; empty if it is let in."""
    ask = claims.admit_early if early else claims.admit
    rooms = {room.name: room} if room else {"other": Room("other")}
    try:
        ask(rooms, settings(rooms=limits).rooms, claim, 100.0)
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


@pytest.mark.parametrize("count", [MAX_TAKEOVERS - 1, MAX_TAKEOVERS])
def test_name_is_contested_after_so_many_takeovers(count: int) -> None:
    room = room_of(hello("node"))
    holder = room.peers["node"]
    holder.takeovers = (99.0,) * count
    assert refusal(room, hello("node")) == ("name-in-use" if count == MAX_TAKEOVERS else "")
    assert holder.contested is (count == MAX_TAKEOVERS)


def test_contested_name_stays_with_its_holder_while_it_is_present() -> None:
    room = room_of(hello("node", session="key"))
    room.peers["node"].contested = True
    assert refusal(room, hello("node")) == "name-in-use"
    room.peers["node"].change(Change.BROKE)
    assert refusal(room, hello("node")) == ""


def test_refusal_names_the_address_of_the_holder_for_the_log_alone() -> None:
    room = room_of(hello("node"))
    room.peers["node"].contested = True
    with pytest.raises(Rejection) as refused:
        claims.admit({"drone-1": room}, settings().rooms, hello("node"), 100.0)
    assert "10.0.0.0" in refused.value.note
    assert "10.0.0.0" not in str(refused.value.payload())


def test_takeovers_count_for_their_window_and_only_from_a_present_holder() -> None:
    (peer,) = room_of(hello("node", session="key")).peers.values()
    peer.takeovers = (100.0, 110.0)
    now = 100.0 + TAKEOVER_WINDOW
    assert claims.takeovers_by_now(peer, now) == (110.0, now)
    peer.change(Change.BROKE)
    assert claims.takeovers_by_now(peer, now) == (110.0,)


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
