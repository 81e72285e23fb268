"""What a fleet asks of the relay: a session that wanders between hosts, and a room that moves."""

from __future__ import annotations

from scenarios.scene import Scene
from signaling_server.core.protocol.events import PeerLeft

JUMP = 2**20


def seqs(scene: Scene, sid: str) -> list[int]:
    return [payload["seq"] for event, payload in scene.payloads[sid] if event == "signal"]


def test_numbers_of_two_relays_are_not_mixed_up_by_a_session_that_wanders() -> None:
    here, island = Scene(jump=lambda: JUMP), Scene(jump=lambda: 5 * JUMP)
    for scene in (here, island):
        scene.join("n", name="node")
    here.join("g", name="gcom", session="key")
    here.say("n")
    (seen,) = seqs(here, "g")
    here.lose("g")
    here.say("n")  # two that wait for gcom
    here.say("n")
    island.join("g2", name="gcom", session="key", seen=seen)
    island.say("n")
    island.say("n")
    seen = seqs(island, "g2")[-1]
    here.join("g3", name="gcom", session="key", seen=seen)
    # Not resumed: with plain numbers those of the island would count as those that wait here.
    assert here.heard("g3")[0] == "welcome [node]"
    here.say("n")
    assert seqs(here, "g3")[0] > seen


def test_session_that_began_anew_at_an_island_and_heard_nothing_hears_nothing_twice() -> None:
    here, island = Scene(jump=lambda: JUMP), Scene(jump=lambda: 5 * JUMP)
    here.join("n", name="node")
    here.join("g", name="gcom", session="key")
    here.say("n")
    (seen,) = seqs(here, "g")
    here.lose("g")
    island.join("g2", name="gcom", session="key", seen=seen)
    assert not island.payloads["g2"][0][1]["resumed"]  # so clients begin to count at 0
    here.join("g3", name="gcom", session="key", seen=0)
    assert not here.payloads["g3"][0][1]["resumed"]
    assert seqs(here, "g3") == []


def test_without_a_fleet_numbers_go_on_from_what_was_seen() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom", session="key", seen=7)
    scene.say("n")
    assert seqs(scene, "g") == [8]


def test_only_a_peer_with_a_session_makes_its_numbers_jump() -> None:
    jumps = iter([JUMP])
    scene = Scene(jump=lambda: next(jumps))
    scene.join("n", name="node")
    scene.join("g", name="gcom", session="key")
    scene.say("n")
    assert seqs(scene, "g") == [JUMP + 1]


def test_a_room_that_moves_is_empty_at_once_and_nobody_is_told() -> None:
    scene = Scene()
    for sid, name, room in (("n", "node", "r1"), ("g", "gcom", "r1"), ("o", "other", "r2")):
        scene.join(sid, name=name, room=room, session=f"key of {name}")
    scene.lose("g")
    for sid in "ngo":
        scene.heard(sid)
    scene.dissolve("r1")
    assert [*scene.relay.rooms] == ["r2"]
    assert [scene.heard(sid) for sid in "ngo"] == [[], [], []]
    assert [(left.sid, left.reason) for left in scene.facts_of(PeerLeft)] == [
        ("n", "moved"),
        ("g", "moved"),
    ]
    scene.leave("n")  # its connection is hung up: that is no second departure
    assert len(scene.facts_of(PeerLeft)) == 2
    assert scene.relay.budget.used == 0
    scene.wait(60)  # nor does the window of the peer that was away end a second time
    assert len(scene.facts_of(PeerLeft)) == 2


def test_a_room_that_nobody_is_in_moves_without_a_word() -> None:
    scene = Scene()
    scene.dissolve("r1")
    assert scene.facts == []
