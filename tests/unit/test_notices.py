from __future__ import annotations

from signaling_server.core.protocol import notices
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.version import VERSION

ROOM = Room("drone-1")


def peer(sid: str, name: str | None = None, role: str | None = None) -> Peer:
    made = Peer(ROOM, Joined(sid, Hello("drone-1", name, role)), Budget(0))
    ROOM.add(made)
    return made


NODE, UNNAMED = peer("n", "node", "streaming-node"), peer("abc")


def test_welcome_says_who_the_client_is_and_who_is_there() -> None:
    servers = [{"urls": ["stun:10.0.0.1:3478"]}]
    joined = Joined("abc", Hello("drone-1"), ice_servers=servers, server_time=1.5)
    assert notices.welcome(UNNAMED, joined, resumed=True) == (
        "welcome",
        {
            "peer_id": "abc",
            "room": "drone-1",
            "peers": [{"peer_id": "node", "name": "node", "role": "streaming-node"}],
            "resumed": True,
            "ice_servers": servers,
            "server": f"hawkeye-signaling/{VERSION}",
            "server_time": 1.5,
        },
    )


def test_welcome_says_when_the_token_expires_if_that_is_soon() -> None:
    _, payload = notices.welcome(UNNAMED, Joined("abc", Hello("d"), token_expires=60), True)
    assert payload["token_expires"] == 60


def test_smaller_id_of_the_two_is_polite() -> None:
    assert notices.peer_joined(UNNAMED, NODE) == (
        "peer_joined",
        {"peer_id": "node", "name": "node", "role": "streaming-node", "polite": True},
    )
    assert notices.peer_joined(NODE, UNNAMED) == (
        "peer_joined",
        {"peer_id": "abc", "polite": False},
    )


def test_rejoin_and_delivery_of_held_signals_are_mentioned_if_they_happen() -> None:
    _, payload = notices.peer_joined(NODE, UNNAMED, rejoined=True, held=2)
    assert payload == {"peer_id": "abc", "polite": False, "rejoined": True, "held": 2}


def test_peer_that_leaves_is_named_if_it_has_a_name() -> None:
    assert notices.peer_left(NODE, "goodbye") == (
        "peer_left",
        {"peer_id": "node", "name": "node", "reason": "goodbye"},
    )
    assert notices.peer_left(UNNAMED, "goodbye")[1] == {"peer_id": "abc", "reason": "goodbye"}


def test_errors_have_a_code_and_a_sentence() -> None:
    event, payload = notices.expired(3)
    assert (event, payload["code"], payload["count"]) == ("error", "expired", 3)
    assert payload["message"].startswith("3 held signals")
    event, payload = notices.replaced()
    assert (event, payload["code"]) == ("error", "replaced")


def test_revoked_client_is_told_why() -> None:
    event, payload = notices.unauthorized("the token has expired")
    assert (event, payload) == (
        "error",
        {"code": "unauthorized", "message": "the token has expired"},
    )


def test_peer_is_introduced_to_all_with_the_same_two_payloads() -> None:
    known = notices.introductions(NODE)
    assert notices.introductions(NODE) is known
    assert [one["polite"] for one in known] == [False, True]
    assert notices.peer_joined(UNNAMED, NODE)[1] is known[True]
    again = notices.introductions(NODE, rejoined=True)
    assert [one["rejoined"] for one in again] == [True, True]
    held = notices.peer_joined(UNNAMED, NODE, held=2)[1]
    assert (held["held"], "held" in known[True]) == (2, False)
