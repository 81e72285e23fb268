from __future__ import annotations

import pytest

from signaling_server.core.fleet.ownership import (
    Admit,
    Bury,
    Claim,
    Dissolve,
    Life,
    Ownership,
    Part,
    Release,
    Standing,
)

ROOM = "drone-1"


@pytest.fixture
def hosts() -> Ownership:
    """Host a, which knows b."""
    hosts = Ownership("a", patience=3.0)
    assert hosts.present({"a", "b"}, 0.0) == []
    return hosts


def own(hosts: Ownership, room: str = ROOM) -> None:
    hosts.wanted(room)
    hosts.claimed([room], ["a"])


def follow(hosts: Ownership, room: str = ROOM) -> None:
    hosts.wanted(room)
    hosts.claimed([room], ["b"])


def test_a_room_that_is_free_is_ours_until_it_is_empty(hosts: Ownership) -> None:
    assert hosts.wanted(ROOM) == [Claim((ROOM,))]
    assert hosts.wanted(ROOM) == []  # one question for all that wait
    assert not hosts.serves(ROOM)
    assert hosts.claimed([ROOM], ["a"]) == [Admit(ROOM, "")]
    assert hosts.serves(ROOM)
    assert hosts.wanted(ROOM) == [Admit(ROOM, "")]
    assert hosts.emptied(ROOM) == [Release(ROOM)]
    assert hosts.rooms == {}
    assert hosts.emptied(ROOM) == []


def test_a_room_of_another_is_asked_for_once_until_nobody_is_bound(hosts: Ownership) -> None:
    hosts.wanted(ROOM)
    assert hosts.claimed([ROOM], ["b"]) == [Admit(ROOM, "b")]
    assert hosts.wanted(ROOM) == [Admit(ROOM, "b")]
    assert hosts.emptied(ROOM) == []
    hosts.unbound(ROOM)
    assert hosts.wanted(ROOM) == [Claim((ROOM,))]


def test_a_room_that_has_moved_is_asked_for_again(hosts: Ownership) -> None:
    follow(hosts)
    hosts.moved(ROOM)
    assert hosts.wanted(ROOM) == [Claim((ROOM,))]
    hosts.moved(ROOM)  # it is being asked for
    assert hosts.rooms[ROOM].standing is Standing.ASKING


def test_an_answer_for_a_room_that_nobody_knows_any_longer_counts_for_nothing(
    hosts: Ownership,
) -> None:
    assert hosts.claimed([ROOM], ["b"]) == []
    assert hosts.rooms == {}


def test_redis_that_was_away_is_asked_about_all_rooms_served(hosts: Ownership) -> None:
    own(hosts, "r1")
    own(hosts, "r2")
    follow(hosts, "r3")
    hosts.engine_lost(10.0)
    hosts.engine_lost(11.0)
    assert hosts.next_deadline() == 13.0
    assert hosts.tick(12.9) == []
    assert hosts.engine_back(20.0) == [Claim(("r1", "r2"))]
    assert hosts.claimed(["r1", "r2"], ["a", "b"]) == [Dissolve("r2")]
    assert hosts.serves("r1")
    assert not hosts.serves("r2")


def test_a_lost_lease_asks_too(hosts: Ownership) -> None:
    assert hosts.lease_lost() == []
    own(hosts)
    assert hosts.lease_lost() == [Claim((ROOM,))]
    assert hosts.claimed([ROOM], ["a"]) == []


def test_after_patience_every_host_goes_on_alone_and_they_merge_again(hosts: Ownership) -> None:
    own(hosts, "r1")
    follow(hosts, "r2")
    hosts.engine_lost(10.0)
    assert hosts.wanted("r3") == []
    assert hosts.wanted("r2") == [Admit("r2", "b")]
    assert hosts.tick(13.0) == [Part("b", "alone"), Admit("r3", "")]
    assert hosts.alone
    assert hosts.next_deadline() is None
    assert hosts.tick(14.0) == []
    assert hosts.wanted("r4") == [Admit("r4", "")]
    assert hosts.wanted("r2") == [Admit("r2", "")]
    assert [hosts.rooms[room].standing.name for room in ("r1", "r3")] == ["OURS", "ISLAND"]
    assert hosts.engine_back(20.0) == [Claim(("r1", "r3", "r4", "r2"))]
    assert hosts.claimed(["r1", "r3", "r4", "r2"], ["a", "a", "a", "b"]) == [Dissolve("r2")]
    assert not hosts.alone
    assert {room.standing.name for room in hosts.rooms.values()} == {"OURS", "THEIRS"}


def test_alone_there_is_no_link_to_end_to_a_host_that_is_dead(hosts: Ownership) -> None:
    hosts.deaf("b", 5.0)
    hosts.engine_lost(10.0)
    assert hosts.tick(13.0) == []


def test_a_question_without_an_answer_is_asked_again_when_redis_is_back(hosts: Ownership) -> None:
    hosts.wanted("r1")
    follow(hosts, "r2")
    assert hosts.unanswered(["r1", "r2", "r3"]) == [Claim(("r1",))]  # it was only late
    assert hosts.unanswered(["r2"]) == []
    hosts.engine_lost(10.0)
    assert hosts.unanswered(["r1"]) == []
    assert hosts.engine_back(20.0) == [Claim(("r1",))]


def test_a_late_answer_does_not_move_a_room_that_is_known(hosts: Ownership) -> None:
    follow(hosts)
    assert hosts.claimed([ROOM], ["a"]) == []
    assert hosts.rooms[ROOM].owner == "b"


def test_a_host_without_a_record_is_buried(hosts: Ownership) -> None:
    follow(hosts)
    assert hosts.present({"a"}, 5.0) == [Part("b", "dead"), Bury("b", False)]
    assert not hosts.hosts
    assert not hosts.rooms


def test_a_host_that_nobody_listens_for_is_buried_before_its_lease_ends(hosts: Ownership) -> None:
    own(hosts, "r1")
    follow(hosts, "r2")
    assert hosts.deaf("b", 5.0) == [Part("b", "dead"), Bury("b", True)]
    assert list(hosts.rooms) == ["r1"]
    assert hosts.present({"a", "b"}, 0.0) == []
    assert hosts.hosts == {"b": Life.DEAD}
    assert hosts.present({"a"}, 5.0) == []


def test_a_host_may_take_as_long_as_this_one_to_find_redis_again(hosts: Ownership) -> None:
    follow(hosts)
    hosts.engine_back(1.0)  # the first time: it was never away
    hosts.engine_lost(9.0)
    hosts.engine_back(10.0)
    assert hosts.present({"a"}, 12.9) == []
    assert hosts.deaf("b", 12.9) == []
    assert hosts.hosts == {"b": Life.ALIVE}
    assert hosts.deaf("c", 13.0) == [Part("c", "dead"), Bury("c", True)]
    assert hosts.present({"a"}, 13.0) == [Part("b", "dead"), Bury("b", False)]


def test_a_host_that_stops_is_parted_from_and_need_not_be_buried(hosts: Ownership) -> None:
    follow(hosts)
    assert hosts.stopped("b") == [Part("b", "stopped")]
    assert hosts.rooms == {}
    assert hosts.stopped("unknown") == [Part("unknown", "stopped")]
    assert hosts.hosts == {"b": Life.DEAD}


def test_a_host_is_suspect_until_it_says_something(hosts: Ownership) -> None:
    hosts.quiet("b")
    assert hosts.hosts["b"] is Life.SUSPECT
    hosts.quiet("b")
    hosts.quiet("c")
    hosts.lives("b")
    assert hosts.hosts == {"b": Life.ALIVE}


def test_a_host_that_was_dead_may_come_back(hosts: Ownership) -> None:
    hosts.deaf("b", 5.0)
    hosts.quiet("b")
    assert hosts.hosts == {"b": Life.DEAD}
    hosts.lives("b")
    assert hosts.hosts == {"b": Life.ALIVE}
