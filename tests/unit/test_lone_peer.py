from __future__ import annotations

from signaling_server.core.lone_peer import LonePeer


def test_host_of_a_room_is_named_if_it_is_another_one() -> None:
    peer = LonePeer("gcom", "drone1", "viewer")
    assert peer.where == "drone1"
    assert peer._replace(host="b").where == "drone1 on host b"
