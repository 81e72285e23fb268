"""What the relay promises to the transport; its rules are in tests/scenarios."""

from __future__ import annotations

import pytest

from scenarios.scene import Scene, settings
from signaling_server.core.protocol.events import Joined, Left, Reconfigured, Ticked
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.notices import SERVER
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.version import VERSION


def test_welcome_hands_out_ice_servers_and_names_the_server() -> None:
    servers = ({"urls": ["stun:10.0.0.1:3478"]},)
    relay = Relay(settings())
    welcome = relay.handle(Joined("g", Hello("default"), ice_servers=servers), 0.0)[0]
    assert welcome == (
        "g",
        "welcome",
        {
            "peer_id": "g",
            "room": "default",
            "peers": [],
            "resumed": False,
            "ice_servers": list(servers),
            "server": SERVER,
            "server_time": None,
        },
    )
    assert f"hawkeye-signaling/{VERSION}" == SERVER


def test_refused_join_changes_nothing() -> None:
    scene = Scene(rooms={"max_peers": 1, "max_rooms": 1})
    scene.join("a")
    for room in ("default", "elsewhere"):
        with pytest.raises(Rejection):
            scene.join("b", room=room)
    assert list(scene.relay.peers) == ["a"]
    assert scene.heard("a") == ["welcome []"]


def early(scene: Scene, name: str | None, room: str = "default") -> str:
    """The code that a client is refused with before it has given its session."""
    try:
        scene.relay.admit_early(Joined("", Hello(room, name)), scene.now)
    except Rejection as rejection:
        return rejection.code
    return ""


def test_handshake_refuses_what_no_session_could_change() -> None:
    scene = Scene(rooms={"max_peers": 2, "max_rooms": 1})
    scene.join("n", name="node")
    assert early(scene, None) == ""
    scene.join("g", name="gcom", session="key")
    assert early(scene, "third") == early(scene, None) == "room-full"
    assert early(scene, None, room="elsewhere") == "server-full"


def test_handshake_admits_clients_that_may_have_a_session() -> None:
    scene = Scene(rooms={"max_peers": 1})
    scene.join("u", session="key")
    assert early(scene, None) == ""
    assert early(scene, "third") == "room-full"


def test_window_ends_even_if_the_tick_is_late() -> None:
    relay = Relay(settings())
    relay.handle(Joined("g", Hello("default", "gcom", session="key")), 0.0)
    relay.handle(Left("g", "ping-timeout", goodbye=False), 0.0)
    assert relay.next_deadline() == 30.0
    relay.handle(Ticked(), 500.0)
    assert relay.rooms == {}
    assert relay.next_deadline() is None


def test_early_tick_does_no_harm() -> None:
    relay = Relay(settings())
    relay.handle(Joined("g", Hello("default", "gcom", session="key")), 0.0)
    relay.handle(Left("g", "ping-timeout", goodbye=False), 0.0)
    assert relay.handle(Ticked(), 29.9) == []
    assert relay.next_deadline() == 30.0


def test_earlier_of_window_and_age_is_the_deadline() -> None:
    scene = Scene(hold={"max_age": 60.0})
    scene.join("n", session="key")
    scene.say("n")
    assert scene.relay.next_deadline() == scene.now + 60
    scene.lose("n")
    assert scene.relay.next_deadline() == scene.now + 30


def test_new_limits_apply_at_once() -> None:
    relay = Relay(settings())
    relay.handle(Reconfigured(settings(limits={"memory_bytes": 7}, rooms={"max_rooms": 1})), 0.0)
    assert relay.budget.total == 7
    relay.handle(Joined("a", Hello("one")), 0.0)
    with pytest.raises(Rejection) as refused:
        relay.handle(Joined("b", Hello("two")), 0.0)
    assert refused.value.code == "server-full"


def test_peer_is_present_in_its_room_while_it_is_connected() -> None:
    scene = Scene()
    scene.join("g", name="gcom", session="key")
    assert scene.relay.is_present("default", "gcom")
    assert not scene.relay.is_present("default", "node")
    assert not scene.relay.is_present("elsewhere", "gcom")
    scene.lose("g")
    assert not scene.relay.is_present("default", "gcom")
