"""The fleet in /api/status."""

from __future__ import annotations

from signaling_server.core.fleet.state import FleetState, HostState, RoomElsewhere
from signaling_server.core.protocol.scope import Scope
from signaling_server.core.reporting.fleet_report import add

A = HostState("a", "1f", "https://a", "1.2", 2, 3, 60.04, 0.0, None, linked=True)
B = HostState("b", "2f", "", "1.1", 1, 1, 5.0, 0.34, 0.00123, linked=True)
STATE = FleetState(
    "a", "1f", together=True, seconds=60.04, lost_because="", lost=0.0, hosts=[A, B], signed=True
)


def test_server_without_a_fleet_says_so() -> None:
    assert add({"rooms": []}, None) == {"rooms": [], "fleet": None}


def test_hosts_are_listed_this_one_first() -> None:
    fleet = add({}, STATE)["fleet"]
    assert fleet == {
        "name": "a",
        "instance": "1f",
        "state": "together",
        "since": 60.0,
        "signed": True,
        "warnings": [],
        "hosts": [
            {
                "name": "a",
                "instance": "1f",
                "version": "1.2",
                "url": "https://a",
                "rooms": 2,
                "peers": 3,
                "known_seconds": 60.0,
                "silent_seconds": 0.0,
                "round_trip_ms": None,
                "state": "here",
            },
            {
                "name": "b",
                "instance": "2f",
                "version": "1.1",
                "url": None,
                "rooms": 1,
                "peers": 1,
                "known_seconds": 5.0,
                "silent_seconds": 0.3,
                "round_trip_ms": 1.2,
                "state": "linked",
            },
        ],
        "elsewhere": [],
    }


def test_room_elsewhere_names_its_host_and_where_its_page_is() -> None:
    rooms = [RoomElsewhere("r1", "1f", ("x", "y")), RoomElsewhere("r2", "9f", ("z",))]
    assert add({}, STATE._replace(elsewhere=rooms))["fleet"]["elsewhere"] == [
        {"room": "r1", "host": "a", "url": "https://a", "peers": ["x", "y"]},
        {"room": "r2", "host": "9f", "url": None, "peers": ["z"]},
    ]


def test_other_hosts_are_unlinked_or_apart() -> None:
    states = []
    for state in (
        STATE._replace(hosts=[A, B._replace(linked=False)]),
        STATE._replace(together=False, lost_because="it hangs", lost=12.0),
    ):
        fleet = add({}, state)["fleet"]
        states.append([host["state"] for host in fleet["hosts"]])
    assert states == [["here", "unlinked"], ["here", "apart"]]
    assert fleet["state"] == "alone"
    assert fleet["warnings"][0].startswith("Redis has not answered for 12 s: rooms on two hosts")


def test_reader_of_some_rooms_is_told_of_no_other() -> None:
    rooms = [RoomElsewhere("mine", "2f", ("x",)), RoomElsewhere("other", "2f", ("y",))]
    fleet = add({}, STATE._replace(elsewhere=rooms), Scope(("mine",)))["fleet"]
    assert [room["room"] for room in fleet["elsewhere"]] == ["mine"]
