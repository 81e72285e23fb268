from __future__ import annotations

import json

import pytest

from signaling_server.core.insight import timeline as module
from signaling_server.core.insight.spans import AWAY, CALL, PRESENT, Span
from signaling_server.core.insight.timeline import (
    FORMER_ROOMS,
    ROOM_ENTRIES,
    SECONDS,
    Timeline,
)
from signaling_server.core.protocol.events import (
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.rtc_report import ConnectionReport

ROOM = "drone-1"


class Stage:
    """A timeline, and the facts of a room; the clock is set unless a test says otherwise."""

    def __init__(self) -> None:
        self.clock_set = True
        self.timeline = Timeline(lambda: self.clock_set)
        self.now = 100.0

    def join(self, peer: str = "gcom", room: str = ROOM) -> None:
        fact = PeerJoined("s", peer, room, "10.0.0.5", "websocket", False)
        self.timeline.record(fact, self.now)

    def leave(self, peer: str = "gcom", room: str = ROOM) -> None:
        self.timeline.record(PeerLeft("s", peer, room, "goodbye"), self.now)

    def lose(self, peer: str = "gcom", room: str = ROOM) -> None:
        self.timeline.record(PeerAway("s", peer, room, "ping-timeout", 30.0), self.now)

    def resume(self, peer: str = "gcom", room: str = ROOM) -> None:
        fact = PeerResumed("s", peer, room, "10.0.0.5", "websocket", 2)
        self.timeline.record(fact, self.now)

    def say(self, kind: str, peer: str = "node", to: str = "gcom") -> None:
        body = {"type": kind, "data": {"sdp": "v=0"}, "to": to}
        signal = parse_signal(json.dumps(body), 1000, 9)
        self.timeline.signalled(SignalAccepted("s", peer, ROOM, signal, 1, 0), self.now)

    def report(self, state: str, peer: str = "node", room: str = ROOM) -> None:
        self.timeline.report(room, peer, ConnectionReport(state, {}), self.now)

    def texts(self, room: str = ROOM) -> list[str]:
        return [entry.text for entry in self.timeline.room(room, self.now).entries]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.timeline.room(ROOM, self.now).entries]

    def bars(self) -> list[Span]:
        return self.timeline.room(ROOM, self.now).spans.all


def test_call_of_two_peers_is_told_in_order() -> None:
    stage = Stage()
    stage.join("node")
    stage.join("gcom")
    stage.say("offer")
    stage.say("ice-candidate")
    stage.say("answer", "gcom", "node")
    stage.report("connecting")
    stage.now = 101.0
    stage.report("connected")
    stage.report("connected", "gcom")
    stage.now = 105.0
    stage.lose("gcom")
    stage.now = 106.0
    stage.resume("gcom")
    stage.report("failed", "gcom")
    stage.leave("gcom")
    assert stage.texts() == [
        "node joined from 10.0.0.5 over websocket",
        "gcom joined from 10.0.0.5 over websocket",
        "node sent an offer to gcom",
        "gcom sent an answer to node",
        "node reports: connected",
        "gcom lost its connection (ping-timeout); it may come back within 30 s",
        "gcom is back from 10.0.0.5 over websocket; it missed 2 messages",
        "gcom reports: failed",
        "gcom left (goodbye)",
    ]
    assert stage.kinds() == [
        *("joined", "joined", "offer", "answer", "call", "broke", "resumed", "call", "left")
    ]
    assert stage.bars() == [
        Span(("node",), PRESENT, 100.0),
        Span(("gcom",), PRESENT, 100.0, 105.0),
        Span(("gcom", "node"), CALL, 101.0, 106.0),
        Span(("gcom",), AWAY, 105.0, 106.0),
        Span(("gcom",), PRESENT, 106.0, 106.0),
    ]


def test_report_among_many_peers_is_of_the_reporter_alone() -> None:
    stage = Stage()
    for peer in ("a", "b", "c"):
        stage.join(peer)
    stage.report("connected", "b")
    assert stage.bars()[-1].peers == ("b",)


def test_report_that_says_to_whom_is_of_the_two() -> None:
    class To(ConnectionReport):
        to = "a"

    stage = Stage()
    for peer in ("a", "b", "c"):
        stage.join(peer)
    stage.timeline.report(ROOM, "b", To("connected", {}), stage.now)
    assert stage.bars()[-1].peers == ("a", "b")


def test_other_facts_about_a_peer_are_entries() -> None:
    stage = Stage()
    stage.join()
    stage.timeline.record(PeerReplaced("s", "gcom", ROOM, "10.0.0.5", "10.0.0.9"), 100.0)
    stage.timeline.record(NameContested("s", "gcom", ROOM, "10.0.0.5", "10.0.0.9"), 100.0)
    stage.timeline.record(Rejected("s", "gcom", ROOM, "10.0.0.5", "too-large", "no"), 100.0)
    assert stage.kinds() == ["joined", "replaced", "contested", "rejected"]


def test_room_that_nobody_has_joined_has_no_timeline() -> None:
    stage = Stage()
    stage.lose()
    stage.resume()
    stage.leave()
    stage.say("offer")
    stage.report("connected")
    stage.timeline.record(Rejected("", "", ROOM, "10.0.0.5", "room-full", "no"), 100.0)
    assert stage.texts() == []
    assert stage.timeline.former(100.0) == {}


def test_signal_that_is_read_when_its_room_is_empty_is_recorded_all_the_same() -> None:
    stage = Stage()
    stage.join("node")
    stage.leave("node")
    stage.say("offer")
    entries = stage.timeline.former(stage.now)[ROOM].entries
    assert [entry.kind for entry in entries] == ["joined", "left", "offer"]


def test_repetition_of_a_short_time_ago_is_counted() -> None:
    stage = Stage()
    for stage.now in (100.0, 120.0, 150.0):
        stage.join()
        stage.leave()
    entries = stage.timeline.former(150.0)[ROOM].entries
    assert [(entry.kind, entry.times, entry.at) for entry in entries] == [
        ("joined", 3, 150.0),
        ("left", 3, 150.0),
    ]
    stage.now = 211.0
    stage.join()
    assert stage.kinds() == ["joined", "left", "joined"]


def test_entry_tells_whether_the_clock_was_set() -> None:
    stage = Stage()
    stage.clock_set = False
    stage.join("node")
    stage.clock_set = True
    stage.join("gcom")
    entries = stage.timeline.room(ROOM, 100.0).entries
    assert [entry.clock_set for entry in entries] == [False, True]


def test_what_happened_over_an_hour_ago_is_forgotten() -> None:
    stage = Stage()
    stage.join("node")
    stage.now += 10.0
    stage.lose("node")
    stage.now = 100.0 + SECONDS + 1
    assert stage.kinds() == ["broke"]
    assert stage.bars() == [Span(("node",), PRESENT, 100.0, 110.0), Span(("node",), AWAY, 110.0)]
    stage.now += 10.0
    assert stage.bars() == [Span(("node",), AWAY, 110.0)]


def test_joins_and_losses_outlive_signals() -> None:
    stage = Stage()
    stage.join("node")
    stage.join("gcom")
    stage.lose("gcom")
    for number in range(200):
        stage.now += 10
        stage.say("offer", to=f"peer-{number}")
    entries = stage.timeline.room(ROOM, stage.now)
    assert [entry.kind for entry in entries.entries[:3]] == ["joined", "joined", "broke"]
    assert len(entries.entries) == ROOM_ENTRIES
    assert entries.omitted == 203 - ROOM_ENTRIES


def test_losses_of_one_client_do_not_displace_those_of_another() -> None:
    stage = Stage()
    stage.join("node")
    stage.lose("node")
    for _ in range(100):
        stage.now += 30
        stage.lose("gcom")
        stage.now += 31
        stage.resume("gcom")
        if stage.now > 3000:
            break
    assert stage.texts()[:2] == [
        "node joined from 10.0.0.5 over websocket",
        "node lost its connection (ping-timeout); it may come back within 30 s",
    ]


def test_room_keeps_its_timeline_for_an_hour_after_the_last_peer() -> None:
    stage = Stage()
    for room in ("a", "b"):
        stage.join("node", room)
        stage.leave("node", room)
    assert list(stage.timeline.former(stage.now)) == ["b", "a"]
    stage.now += 100.0
    stage.join("node", "a")
    assert len(stage.texts("a")) == 3
    assert list(stage.timeline.former(stage.now)) == ["b"]
    assert stage.timeline.former(stage.now + SECONDS) == {}


def test_former_rooms_are_few_and_no_test_is_among_them() -> None:
    stage = Stage()
    for number in range(FORMER_ROOMS + 5):
        stage.join("node", f"room-{number}")
        stage.leave("node", f"room-{number}")
    probe = f"probe-{0:032x}"
    stage.join("node", probe)
    assert len(stage.texts(probe)) == 1
    stage.leave("node", probe)
    former = stage.timeline.former(stage.now)
    assert len(former) == FORMER_ROOMS
    assert [*former][-1] == "room-5"
    assert probe not in former


def test_all_rooms_share_a_bound_and_the_busiest_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALL_ENTRIES", 10)
    stage = Stage()
    stage.join("node", "quiet")
    stage.join("node", "former")
    stage.leave("node", "former")
    stage.join()
    for number in range(20):
        stage.say("offer", to=f"peer-{number}")
    assert len(stage.texts("quiet")) == 1
    assert len(stage.timeline.former(stage.now)["former"].entries) == 2
    assert len(stage.texts()) == 7
    stage.now += SECONDS + 1
    assert stage.timeline.former(stage.now) == {}
    assert stage.texts() == stage.texts("quiet") == []
    for number in range(20):  # nothing of before counts any longer
        stage.say("offer", to=f"peer-{number}")
    assert len(stage.texts()) == 10
