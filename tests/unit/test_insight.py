from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.scene import Scene
from sdps import AIORTC_ANSWER, CHROME_OFFER, candidate, sdp
from signaling_server.core.insight import insight as insight_module
from signaling_server.core.insight.insight import EVENTS, LARGEST, ROOM_PAIRS, ROOM_PENDING, Insight
from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.rtc_report import ConnectionReport


class Watch:
    """Insight over one room, in which names join and speak; a test moves the clock."""

    def __init__(self, *names: str) -> None:
        self.insight = Insight()
        self.now = 100.0
        for name in names:
            self.join(name)

    def note(self, fact: Fact) -> None:
        self.insight.note(fact, self.now)

    def join(self, name: str, room: str = "drone-1", rejoined: bool = False) -> None:
        address = f"address-of-{name}"
        self.note(PeerJoined(f"sid-{name}", name, room, address, "websocket", rejoined))

    def leave(self, name: str, room: str = "drone-1") -> None:
        self.note(PeerLeft(f"sid-{name}", name, room, "goodbye"))

    def say(self, sender: str, kind: str, data: Any, to: str | None = None, held: int = 0) -> None:
        message = {"type": kind, "data": data, **({"to": to} if to else {})}
        signal = parse_signal(json.dumps(message), 1_000_000, 64)
        self.note(SignalAccepted(f"sid-{sender}", sender, "drone-1", signal, 1 - held, held))

    def offer(self, to: str | None = None, held: int = 0, **fields: Any) -> None:
        data = {"type": "offer", "sdp": sdp(direction="sendonly", **fields)}
        self.say("node", "offer", data, to, held)

    def answer(self, **fields: Any) -> None:
        data = {"type": "answer", "sdp": sdp("recvonly", setup="active", **fields)}
        self.say("gcom", "answer", data, "node")

    def report(self, name: str, state: str) -> None:
        self.insight.report("drone-1", name, ConnectionReport(state, {}), self.now)

    def read(self) -> dict[str, Any]:
        """The room, with everything read."""
        while self.insight.pending:
            self.insight.digest(self.now)
        (room,) = self.insight.rooms(self.now)
        return room

    def pair(self) -> dict[str, Any]:
        (pair,) = self.read()["pairs"]
        return pair  # type: ignore[no-any-return]

    def codes(self) -> list[str]:
        return [finding["code"] for finding in self.pair()["diagnosis"]]

    def stage(self, name: str, by: str) -> dict[str, Any]:
        stages = self.pair()["stages"]
        return next(stage for stage in stages if (stage["stage"], stage["by"]) == (name, by))

    def lines(self) -> list[str]:
        """The events, oldest first."""
        return [event["text"] for event in reversed(self.insight.events(self.now))]


def test_a_call_from_joining_to_connected() -> None:
    watch = Watch("node")
    watch.now = 101.0
    watch.join("gcom")
    watch.now = 102.0
    watch.offer(to="gcom")
    watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, "gcom")
    assert watch.insight.pending
    assert watch.insight.rooms(102.0)[0]["pairs"][0]["state"] == "waiting"  # not read yet
    watch.now = 102.5
    watch.answer(candidates=[candidate("10.0.0.2")])
    watch.report("gcom", "connected")
    assert not watch.insight.pending
    pair = watch.pair()
    assert (pair["peers"], pair["state"], pair["diagnosis"]) == (["node", "gcom"], "connected", [])
    assert watch.stage("offer", "node")["after"] == 1.0
    assert watch.stage("answer", "gcom")["after"] == 1.5
    assert watch.stage("candidates", "node")["kinds"] == {"host private": 1}
    assert watch.stage("candidates", "gcom")["count"] == 1
    assert watch.lines() == [
        "node joined from address-of-node over websocket",
        "gcom joined from address-of-gcom over websocket",
        "node sent an offer to gcom",
        "node sent candidates to gcom",
        "gcom sent an answer to node",
        "gcom reports: connected",
    ]


def test_real_descriptions_of_chrome_and_aiortc() -> None:
    watch = Watch("node", "gcom")
    watch.say("gcom", "offer", {"type": "offer", "sdp": CHROME_OFFER}, "node")
    watch.say("node", "answer", {"type": "answer", "sdp": AIORTC_ANSWER}, "gcom")
    assert watch.codes() == []
    assert watch.stage("candidates", "node")["complete"]


def test_the_facts_of_a_real_relay() -> None:
    scene, insight = Scene(), Insight()
    scene.join("n", name="node")
    scene.say("n", "offer")
    scene.join("g", name="gcom", session="key")
    scene.say("g", "answer", to="node")
    scene.lose("g")
    scene.join("g2", name="gcom", session="key")
    for fact in scene.facts:
        insight.note(fact, scene.now)  # type: ignore[arg-type]
    insight.digest(scene.now)
    (room,) = insight.rooms(scene.now)
    assert room["pairs"][0]["state"] == "answered"
    scene.leave("n")
    scene.leave("g2")
    for fact in scene.facts[-2:]:
        insight.note(fact, scene.now)  # type: ignore[arg-type]
    assert insight.rooms(scene.now) == []


# --- signals --------------------------------------------------------------------------------------


def test_a_signal_to_all_is_for_each_pair_of_its_sender() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.offer()
    states = {tuple(pair["peers"]): pair["state"] for pair in watch.read()["pairs"]}
    assert states == {
        ("node", "gcom"): "negotiating",
        ("node", "laptop"): "negotiating",
        ("gcom", "laptop"): "waiting",
    }
    assert watch.lines()[-1] == "node sent an offer to all others"


def test_a_held_offer_is_for_the_one_that_joins() -> None:
    watch = Watch("node")
    watch.offer(held=1, ufrag="older")
    watch.offer(held=1)
    watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, held=1)
    watch.read()
    assert watch.lines()[-1] == "node sent candidates to nobody yet"
    watch.now = 110.0
    watch.note(HeldSignalsDelivered("node", "gcom", "drone-1", 2))
    watch.join("gcom")
    assert watch.pair()["state"] == "negotiating"
    assert watch.stage("offer", "node")["after"] == 0.0
    assert watch.stage("candidates", "node")["count"] == 1
    assert "2 held signals of node went to gcom" in watch.lines()
    watch.answer()
    assert watch.pair()["state"] == "answered"
    assert watch.codes() == []


def test_what_was_held_and_expired_is_not_for_the_one_that_joins() -> None:
    watch = Watch("node")
    watch.offer(held=1)
    watch.read()
    watch.note(HeldSignalsExpired("node", "drone-1", 1))
    watch.join("gcom")
    assert watch.pair()["state"] == "waiting"
    assert "1 held signals of node expired: nobody joined in time" in watch.lines()


@pytest.mark.parametrize(
    "data",
    [{"sdp": sdp()}, {"sdp": {"type": "offer", "sdp": sdp()}}, {"sdp": sdp(), "n": 10**5000}],
)
def test_the_sdp_of_an_offer_in_the_forms_that_clients_send(data: Any) -> None:
    watch = Watch("node", "gcom")
    # As text: Python itself does not write numbers of that many digits.
    text = json.dumps({"type": "offer", "data": {key: data[key] for key in data if key != "n"}})
    if "n" in data:
        text = text[:-2] + ',"n":1' + "0" * 5000 + "}}"
    signal = parse_signal(text, 1_000_000, 64)
    watch.note(SignalAccepted("sid-node", "node", "drone-1", signal, 1, 0))
    assert watch.codes() == []
    assert watch.stage("offer", "node")["after"] == 0.0


@pytest.mark.parametrize("data", [{}, {"sdp": 5}, {"sdp": {}}, {"sdp": None}, {"sdp": "hello"}])
def test_an_offer_without_sdp_is_told(data: Any) -> None:
    watch = Watch("node", "gcom")
    watch.say("node", "offer", data)
    assert watch.codes() == ["unreadable-sdp"]


def test_a_very_large_offer_is_not_read() -> None:
    watch = Watch("node", "gcom")
    watch.say("node", "offer", {"sdp": sdp() + " " * LARGEST})
    assert watch.stage("offer", "node")["after"] == 0.0
    assert watch.codes() == ["unreadable-sdp"]


@pytest.mark.parametrize(
    ("data", "kinds", "complete"),
    [
        ({"candidate": candidate("10.0.0.1"), "sdpMid": "0"}, {"host private": 1}, False),
        ({"candidate": {"candidate": candidate("10.0.0.1")}}, {"host private": 1}, False),
        ({"candidate": "candidate:odd"}, {"unreadable other": 1}, False),
        ({"candidate": 5}, {"unreadable other": 1}, False),
        ({"candidate": ""}, {}, True),
        ({"candidate": None}, {}, True),
        ({}, {}, True),
        (None, {}, True),
    ],
)
def test_candidates_in_the_forms_that_clients_send(data: Any, kinds: Any, complete: bool) -> None:
    watch = Watch("node", "gcom")
    watch.say("gcom", "ice-candidate", data, "node")
    stage = watch.stage("candidates", "gcom")
    assert (stage["kinds"], stage["complete"]) == (kinds, complete)


def test_the_handshake_is_measured_from_both_here_to_the_first_answer() -> None:
    watch = Watch("node")
    watch.now = 200.0
    watch.join("gcom")
    for seconds, origin in ((0.5, "1 1"), (10.0, "1 2")):
        watch.now += seconds
        watch.offer(origin=origin)
        watch.answer()
    watch.answer()  # to no offer
    watch.read()
    assert (watch.insight.handshakes.count, watch.insight.handshakes.sum) == (1, 0.5)


# --- coming and going -----------------------------------------------------------------------------


def test_who_rejoins_negotiates_anew() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.answer()
    watch.report("node", "connected")
    watch.now = 150.0
    watch.join("node", rejoined=True)
    assert (watch.pair()["state"], watch.pair()["peers"]) == ("waiting", ["gcom", "node"])
    assert watch.lines()[-1] == "node rejoined from address-of-node over websocket"


def test_signals_before_a_rejoin_are_not_of_the_new_negotiation() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.join("node", rejoined=True)
    assert watch.pair()["state"] == "waiting"
    assert "node sent an offer to all others" in watch.lines()


def test_who_leaves_is_dropped_with_all_that_passed() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.leave("gcom")
    room = watch.read()
    assert [peer["peer_id"] for peer in room["peers"]] == ["node"]
    assert (room["pairs"], watch.insight._pairs) == ([], 0)
    watch.leave("node")
    assert watch.insight.rooms(watch.now) == []
    assert watch.insight._bytes == 0
    assert not watch.insight.pending
    assert watch.lines()[-2:] == ["gcom left (goodbye)", "node left (goodbye)"]


def test_a_session_that_breaks_is_away_until_it_is_back() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.note(PeerAway("sid-gcom", "gcom", "drone-1", "ping-timeout", 30.0))
    assert [peer["away"] for peer in watch.read()["peers"]] == [False, True]
    watch.note(PeerResumed("sid-2", "gcom", "drone-1", "10.0.0.9", "polling", 3))
    gcom = watch.read()["peers"][1]
    assert (gcom["away"], gcom["address"], gcom["transport"]) == (False, "10.0.0.9", "polling")
    assert watch.pair()["state"] == "negotiating"  # nothing is lost
    assert watch.lines()[-2:] == [
        "gcom lost its connection (ping-timeout)",
        "gcom is back from 10.0.0.9",
    ]


def test_two_machines_that_take_a_name_from_each_other() -> None:
    watch = Watch("node", "gcom")
    for _ in range(3):
        assert watch.read()["diagnosis"] == []
        watch.note(PeerReplaced("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
        watch.join("gcom", rejoined=True)
    (finding,) = watch.read()["diagnosis"]
    assert finding["code"] == "name-in-use"
    assert "10.0.0.5 and 10.0.0.9" in finding["text"]


def test_a_session_that_comes_back_often_is_one_machine() -> None:
    watch = Watch("node", "gcom")
    for _ in range(4):
        watch.note(PeerReplaced("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
        watch.note(PeerResumed("sid-2", "gcom", "drone-1", "10.0.0.9", "websocket", 0))
    assert watch.read()["diagnosis"] == []


def test_who_is_refused_a_name_that_is_in_use_shows_that_two_use_it() -> None:
    watch = Watch("node", "gcom")
    for code in ("too-large", "name-in-use"):
        assert watch.read()["diagnosis"] == []
        watch.note(Rejected("", "gcom", "drone-1", "10.0.0.9", code, "no"))
    (finding,) = watch.read()["diagnosis"]
    assert finding["text"] == "Two machines use the name gcom: 10.0.0.9 and address-of-gcom."
    assert watch.lines()[-1] == "gcom was refused: no (name-in-use)"


def test_a_third_peer() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.note(RoomOverfull("drone-1", ("node", "gcom", "laptop"), 2))
    (finding,) = watch.read()["diagnosis"]
    assert finding["text"].startswith("A third peer joined, laptop:")
    assert watch.lines()[-1] == "3 peers are here, 2 are expected"


def test_two_that_wait_for_each_other_in_two_rooms() -> None:
    watch = Watch("node")
    watch.join("gcom", room="drone-2")
    texts = [room["diagnosis"][0]["text"] for room in watch.insight.rooms(watch.now)]
    assert texts == [
        "node is alone in room drone-1, and so is gcom in room drone-2.",
        "gcom is alone in room drone-2, and so is node in room drone-1.",
    ]
    watch.join("laptop", room="drone-3")
    texts = [room["diagnosis"][0]["text"] for room in watch.insight.rooms(watch.now)]
    assert texts[0] == "node is alone in room drone-1: nobody else has joined it."


def test_facts_of_a_room_or_a_peer_that_is_not_known_are_events_at_most() -> None:
    watch = Watch()
    watch.note(PeerResumed("s", "gcom", "drone-1", "a", "websocket", 0))
    watch.note(PeerReplaced("s", "gcom", "drone-1", "a", "b"))
    watch.note(PeerAway("s", "gcom", "drone-1", "ping-timeout", 30.0))
    watch.note(HeldSignalsExpired("gcom", "drone-1", 1))
    watch.note(RoomOverfull("drone-1", ("a", "b", "c"), 2))
    watch.note(Rejected("", "", "", "10.0.0.9", "name-in-use", "no"))
    before = watch.lines()
    watch.leave("gcom")
    watch.offer()
    watch.report("gcom", "connected")
    watch.note(Disconnected("s", "gcom", "drone-1", "a", "goodbye", 1.0, 0, 0))
    assert watch.insight.rooms(watch.now) == []
    assert watch.lines() == before
    assert before[-1] == "a client at 10.0.0.9 was refused: no (name-in-use)"


def test_a_signal_of_a_peer_that_is_not_known_changes_nothing() -> None:
    watch = Watch("gcom")
    watch.offer(to="gcom")
    watch.answer()
    assert watch.read()["pairs"] == []


def test_a_report_is_for_the_negotiation_that_was_active_last() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.offer(to="laptop")
    watch.now += 1.0
    watch.offer(to="gcom", origin="2 1")
    watch.report("node", "connected")
    states = {tuple(pair["peers"]): pair["state"] for pair in watch.read()["pairs"]}
    assert states["node", "gcom"] == "connected"
    assert states["node", "laptop"] == "negotiating"


def test_a_report_of_one_that_is_alone_is_an_event() -> None:
    watch = Watch("node")
    watch.report("node", "closed")
    assert watch.lines()[-1] == "node reports: closed"


# --- bounds ---------------------------------------------------------------------------------------


def test_of_a_flood_in_a_room_only_so_much_waits_and_the_rest_is_counted() -> None:
    watch = Watch("node", "gcom")
    for _ in range(ROOM_PENDING + 7):
        watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, "gcom")
    room = watch.read()
    assert room["unread"] == 7
    assert watch.stage("candidates", "node")["count"] == ROOM_PENDING


def test_all_that_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight_module, "PENDING_BYTES", 2000)
    watch = Watch("node", "gcom")
    for _ in range(3):
        watch.say("node", "offer", {"sdp": "x" * 900})
    assert watch.insight._bytes <= 2000
    assert watch.read()["unread"] == 1
    assert watch.insight._bytes == 0


def test_one_digest_reads_so_much_and_each_room_gets_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(insight_module, "DIGEST_BYTES", 2 * insight_module.READING)
    watch = Watch("node", "gcom")
    for name in ("one", "other"):
        watch.join(name, room="drone-2")
    for _ in range(5):
        watch.offer()
    signal = parse_signal('{"type":"offer","data":{}}', 1000, 64)
    watch.note(SignalAccepted("s", "one", "drone-2", signal, 1, 0))
    watch.insight.digest(watch.now)
    states = [room["pairs"][0]["state"] for room in watch.insight.rooms(watch.now)]
    assert states == ["negotiating", "negotiating"]
    assert watch.insight.pending


def test_a_flood_is_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight_module, "READ_BURST", 3)
    watch = Watch("node", "gcom")
    for _ in range(100):
        watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")})
    counts = []
    for now in (100.0, 100.0, 100.05):
        watch.insight.digest(now)
        stages = watch.insight.rooms(now)[0]["pairs"][0]["stages"]
        counts.append(stages[3]["count"])
    assert counts == [3, 3, 5]


def test_pairs_are_bounded_and_counted_again_when_peers_leave() -> None:
    names = [f"peer-{number}" for number in range(12)]
    watch = Watch(*names)
    assert len(watch.read()["pairs"]) == watch.insight._pairs == ROOM_PAIRS
    for name in names[:6]:
        watch.leave(name)
    assert len(watch.read()["pairs"]) == watch.insight._pairs < ROOM_PAIRS
    # A pair that found no place before gets one when it speaks.
    watch.say("peer-10", "offer", {"sdp": sdp()}, "peer-11")
    assert ["peer-10", "peer-11"] in [pair["peers"] for pair in watch.read()["pairs"]]


def test_all_pairs_of_all_rooms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight_module, "MAX_PAIRS", 1)
    watch = Watch("node", "gcom")
    watch.join("one", room="drone-2")
    watch.join("other", room="drone-2")
    assert [len(room["pairs"]) for room in watch.insight.rooms(watch.now)] == [1, 0]


def test_the_last_events_are_kept_newest_first() -> None:
    watch = Watch()
    for number in range(EVENTS + 20):
        watch.now = 100.0 + number
        watch.join(f"peer-{number}")
    events = watch.insight.events(watch.now)
    assert len(events) == EVENTS
    assert events[0]["text"].startswith(f"peer-{EVENTS + 19} joined")
    assert (events[1]["ago"], events[1]["room"], events[1]["times"]) == (1.0, "drone-1", 1)
    assert len(watch.insight.events(watch.now, 5)) == 5


def test_events_that_come_again_and_again_are_one_line() -> None:
    watch = Watch("node", "gcom")
    for _ in range(20):
        watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, "gcom")
        watch.say("gcom", "ice-candidate", {"candidate": candidate("10.0.0.2")}, "node")
    watch.read()
    newest = [(event["text"], event["times"]) for event in watch.insight.events(watch.now, 2)]
    assert newest == [("gcom sent candidates to node", 20), ("node sent candidates to gcom", 20)]


def test_no_body_is_kept_once_it_is_read() -> None:
    watch = Watch("node", "gcom")
    watch.say("node", "offer", {"sdp": CHROME_OFFER, "more": "planted"}, "gcom")
    shown = json.dumps([watch.read(), watch.insight.events(watch.now)])
    assert not watch.insight.pending
    assert "planted" not in shown
    assert "9Yxq0AUmXPn9KzD2PqV0vJ1t" not in shown
