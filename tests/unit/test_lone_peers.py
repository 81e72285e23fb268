from __future__ import annotations

from signaling_server.core.insight.lone_peers import alone, meetings
from signaling_server.core.insight.roles import NODE, UNKNOWN, VIEWER
from signaling_server.core.lone_peer import LonePeer


def rooms(*peers: tuple[str, str]) -> dict[str, list[str]]:
    """For each room the rooms of those that its peer may want to meet."""
    found = meetings([LonePeer(f"peer-in-{room}", room, kind) for room, kind in peers])
    return {room: [other.room for other in others] for room, others in found.items()}


def test_two_lone_peers_hear_of_each_other_whatever_their_rooms_are_called() -> None:
    assert rooms(("a", UNKNOWN), ("b", UNKNOWN)) == {"a": ["b"], "b": ["a"]}
    assert rooms(("a", NODE), ("b", VIEWER)) == {"a": ["b"], "b": ["a"]}


def test_two_of_a_kind_do_not_want_to_meet() -> None:
    assert rooms(("a", VIEWER), ("b", VIEWER)) == {"a": [], "b": []}


def test_nearest_names_come_first() -> None:
    found = rooms(("drone1", VIEWER), ("test", NODE), ("Drone-1", NODE))
    assert found["drone1"] == ["Drone-1", "test"]


def test_of_many_only_names_that_look_alike_are_compared() -> None:
    many = [(f"drone-{number}", UNKNOWN) for number in range(40)]
    found = rooms(*many, ("dron-7", VIEWER), ("drone_12", NODE), ("dorne", NODE))
    assert found["drone-7"] == ["dron-7"]
    assert found["drone-12"] == ["drone_12"]
    assert found["drone-30"] == []  # it is another drone than drone-31


def test_sentence_of_a_lone_peer() -> None:
    gcom = LonePeer("gcom", "drone1", VIEWER)
    node = LonePeer("streaming-node", "drone-1", NODE)
    assert alone(gcom, [], "").text == "gcom is alone in drone1: nobody else has joined it."
    gone = alone(gcom, [], "streaming-node left 5 s ago (goodbye)")
    assert gone.text == "gcom is alone in drone1: streaming-node left 5 s ago (goodbye)."
    finding = alone(gcom, [node], "")
    assert (finding.code, finding.severity) == ("other-room", "warning")
    assert finding.text == (
        "gcom is alone in drone1; streaming-node is alone in drone-1: is that the same drone?"
    )


def test_lone_peers_of_other_hosts_are_named_with_their_host() -> None:
    gcom = LonePeer("gcom", "drone1", VIEWER)
    node = LonePeer("streaming-node", "drone-1", NODE, "b")
    assert meetings([gcom, node]) == {"drone1": [node]}  # what concerns the other its host says
    assert alone(gcom, [node], "").text == (
        "gcom is alone in drone1; streaming-node is alone in drone-1 on host b: is that the same"
        " drone?"
    )
