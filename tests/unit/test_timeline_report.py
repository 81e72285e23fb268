from __future__ import annotations

from datetime import timezone

from signaling_server.core.insight.spans import Span
from signaling_server.core.insight.timeline import Entry, History, Timeline
from signaling_server.core.protocol.events import PeerJoined, PeerLeft
from signaling_server.core.protocol.scope import Scope
from signaling_server.core.reporting.timeline_report import Clock, add, lines, report

WALL = 1_800_000_000.0
"""2027-01-15 08:00:00 UTC."""


def history(*entries: Entry) -> History:
    made = History()
    for entry in entries:
        made.add(entry)
    return made


JOINED = Entry(90.0, "joined", "gcom", "gcom joined", False)
LEFT = Entry(95.0, "left", "gcom", "gcom left", True, 3)


def test_event_has_its_time_of_day_also_if_the_clock_was_set_later() -> None:
    made = history(JOINED, LEFT)
    made.spans.all = [Span(("gcom",), "present", 90.0, 95.0), Span(("node",), "present", 40.0)]
    assert report(made, Clock(100.0, WALL)) == {
        "seconds": 3600.0,
        "events": [
            {
                "seconds_ago": 10.0,
                "time": WALL - 10,
                "clock_set": False,
                "kind": "joined",
                "peer_id": "gcom",
                "text": "gcom joined",
                "times": 1,
            },
            {
                "seconds_ago": 5.0,
                "time": WALL - 5,
                "clock_set": True,
                "kind": "left",
                "peer_id": "gcom",
                "text": "gcom left",
                "times": 3,
            },
        ],
        "bars": [
            {"peers": ["gcom"], "state": "present", "since": 10.0, "until": 5.0},
            {"peers": ["node"], "state": "present", "since": 60.0, "until": None},
        ],
        "omitted": 0,
    }


def test_time_is_unknown_while_the_clock_is_not_set() -> None:
    made = report(history(JOINED), Clock(100.0, None, [5.0]))
    assert [(event["time"], event["kind"]) for event in made["events"]] == [(None, "joined")]


def test_starts_of_the_server_stand_between_the_other_events() -> None:
    starts = [WALL - 4000, WALL - 20, WALL - 7, WALL + 50]
    made = report(history(JOINED, LEFT), Clock(100.0, WALL, starts))
    assert [(event["kind"], event["seconds_ago"]) for event in made["events"]] == [
        ("server", 20.0),
        ("joined", 10.0),
        ("server", 7.0),
        ("left", 5.0),
    ]


def test_lines_for_the_shell_are_the_last_ones() -> None:
    made = report(history(JOINED, LEFT), Clock(100.0, WALL, [WALL - 7]))
    assert lines(made, 9, timezone.utc) == [
        "07:59:50  gcom joined (before the clock was set)",
        "07:59:53  the server started",
        "07:59:55  gcom left (3 times)",
    ]
    assert lines(made, 1, timezone.utc) == ["07:59:55  gcom left (3 times)"]
    assert lines(made, 0) == []


def test_lines_without_a_clock_tell_how_long_ago() -> None:
    made = report(history(JOINED._replace(times=2)), Clock(200.0, None))
    assert lines(made, 9) == ["1 min ago  gcom joined (2 times, before the clock was set)"]


def test_status_gains_the_timelines_and_the_time() -> None:
    timeline = Timeline(lambda: True)
    for room in ("here", "gone"):
        timeline.record(PeerJoined("s", "gcom", room, "10.0.0.5", "websocket", False), 90.0)
    timeline.record(PeerLeft("s", "gcom", "gone", "goodbye"), 95.0)
    body: dict = {"server": {}, "rooms": [{"room": "here"}]}  # type: ignore[type-arg]
    add(body, timeline, Clock(100.0, WALL))
    assert body["server"] == {"time": WALL}
    assert [event["kind"] for event in body["rooms"][0]["timeline"]["events"]] == ["joined"]
    (former,) = body["former_rooms"]
    assert former["room"] == "gone"
    assert [event["kind"] for event in former["timeline"]["events"]] == ["joined", "left"]
    add(body, timeline, Clock(100.0, None))
    assert body["server"] == {"time": None}


def test_status_of_a_scope_has_no_former_room_outside_of_it() -> None:
    timeline = Timeline(lambda: True)
    for room in ("mine", "other"):
        timeline.record(PeerJoined("s", "gcom", room, "10.0.0.5", "websocket", False), 90.0)
        timeline.record(PeerLeft("s", "gcom", room, "goodbye"), 95.0)
    body: dict = {"server": {}, "rooms": []}  # type: ignore[type-arg]
    add(body, timeline, Clock(100.0, WALL), Scope(("mine",)))
    assert [former["room"] for former in body["former_rooms"]] == ["mine"]
