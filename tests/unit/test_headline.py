from __future__ import annotations

from typing import Any

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.headline import headline
from signaling_server.core.insight.reports import PairReport, RoomReport

NOTE, WARNING = Finding("alone", "a note"), Finding("crowded", "a warning")
ALARM = Finding("no-answer", "an alarm", stalls=True)


def room(name: str, *findings: Finding, pair: Any = ()) -> RoomReport:
    return RoomReport(name, {}, [PairReport(["a", "b"], "x", [], 0.0, pair)], findings)


def test_nothing_is_wrong() -> None:
    assert headline([room("one")], []) is None


def test_worst_finding_of_any_room_comes_first() -> None:
    rooms = [room("one", NOTE), room("two", WARNING), room("three", NOTE, pair=[ALARM])]
    assert headline(rooms, [WARNING]) == (ALARM, "three")
    assert headline(rooms[:2], [ALARM]) == (ALARM, None)
    assert headline(rooms[:2], [WARNING]) == (WARNING, "two")
