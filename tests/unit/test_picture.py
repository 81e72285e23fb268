from __future__ import annotations

from signaling_server.core.insight.observed import ObservedPeer, ObservedRoom
from signaling_server.core.insight.picture import newest_lone, take_picture
from signaling_server.core.insight.refused_clients import RefusedClients
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.events import PeerJoined, Rejected
from signaling_server.core.protocol.scope import Scope


def rooms(*names: str) -> dict[str, ObservedRoom]:
    """Rooms with one peer each."""
    made = {name: ObservedRoom(name) for name in names}
    for name, room in made.items():
        fact = PeerJoined("sid", f"peer-in-{name}", name, "10.0.0.1", "websocket", False)
        room.peers[fact.peer_id] = ObservedPeer(fact, [], 100.0)
    return made


def test_nothing_is_there_and_nothing_is_wrong() -> None:
    assert take_picture({}, RefusedClients(), 100.0) == ([], [], None)


def test_lone_peers_hear_of_each_other() -> None:
    picture = take_picture(rooms("a", "b"), RefusedClients(), 105.0)
    assert [finding.code for room in picture.rooms for finding in room.diagnosis] == [
        "other-room",
        "other-room",
    ]


def test_refused_clients_are_said_of_the_room_that_they_wanted_if_it_exists() -> None:
    refused = RefusedClients()
    for room in ("a", "nowhere"):
        for text in ("the token has expired", "unknown token"):
            refused.rejected(Rejected("", "gcom", room, "10.0.0.9", "unauthorized", text), 100.0)
    picture = take_picture(rooms("a"), refused, 101.0)
    assert [finding.code for finding in picture.rooms[0].diagnosis] == ["refused"]
    assert [finding.code for finding in picture.elsewhere] == ["refused"]
    assert picture.headline
    assert picture.headline.room == "a"


def test_picture_of_a_scope_tells_of_no_other_room_and_of_nobody_elsewhere() -> None:
    refused = RefusedClients()
    for room in ("b", "nowhere"):
        refused.rejected(Rejected("", "gcom", room, "10.0.0.9", "unauthorized", "no"), 100.0)
    picture = take_picture(rooms("a", "b"), refused, 105.0, Scope(("a",)))
    assert [room.name for room in picture.rooms] == ["a"]
    assert [finding.code for finding in picture.rooms[0].diagnosis] == ["alone"]
    assert picture.elsewhere == []
    assert picture.headline
    assert picture.headline.room == "a"


def test_lone_peers_of_other_hosts_count_in_the_scope_and_not_in_rooms_that_are_here() -> None:
    far = [LonePeer(f"far-in-{room}", room, "", "h") for room in ("a", "b", "c")]
    picture = take_picture(rooms("a", "x"), RefusedClients(), 105.0, Scope(("a", "b")), far)
    (room,) = picture.rooms
    assert [finding.text for finding in room.diagnosis] == [
        "peer-in-a is alone in a; far-in-b is alone in b on host h: is that the same drone?"
    ]


def test_lone_peers_of_the_newest_rooms_are_told() -> None:
    here = rooms("a", "b", "c", "d")
    extra = PeerJoined("sid", "gcom", "d", "10.0.0.1", "websocket", False)
    here["d"].peers["gcom"] = ObservedPeer(extra, [], 100.0)
    assert [peer.room for peer in newest_lone(here, 105.0, 2)] == ["c", "b"]
    assert newest_lone(here, 100.0, 2) == []
