from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.scene import Scene
from sdps import AIORTC_ANSWER, CHROME_OFFER, candidate, sdp
from signaling_server.core.insight import insight as insight_module
from signaling_server.core.insight.insight import ROOM_PAIRS, Insight
from signaling_server.core.insight.notes import NOTES
from signaling_server.core.insight.reports import CandidatesSent, PairReport, RoomReport, Stage
from signaling_server.core.insight.sentences import sentence
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Refused,
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

    def record(self, fact: Fact) -> None:
        self.insight.record(fact, self.now)

    def join(self, name: str, room: str = "drone-1", rejoined: bool = False) -> None:
        address = f"address-of-{name}"
        self.record(PeerJoined(f"sid-{name}", name, room, address, "websocket", rejoined))

    def leave(self, name: str, room: str = "drone-1") -> None:
        self.record(PeerLeft(f"sid-{name}", name, room, "goodbye"))

    def say(self, sender: str, kind: str, data: Any, to: str | None = None, held: int = 0) -> None:
        message = {"type": kind, "data": data, **({"to": to} if to else {})}
        signal = parse_signal(json.dumps(message), 1_000_000, 64)
        self.record(SignalAccepted(f"sid-{sender}", sender, "drone-1", signal, 1 - held, held))

    def offer(self, to: str | None = None, held: int = 0, **fields: Any) -> None:
        data = {"type": "offer", "sdp": sdp(direction="sendonly", **fields)}
        self.say("node", "offer", data, to, held)

    def answer(self, **fields: Any) -> None:
        data = {"type": "answer", "sdp": sdp("recvonly", setup="active", **fields)}
        self.say("gcom", "answer", data, "node")

    def report(self, name: str, state: str, to: str = "", **stats: float) -> None:
        self.insight.report("drone-1", name, ConnectionReport(state, {}, to, stats), self.now)

    def read(self) -> RoomReport:
        """The room, with every signal read."""
        while self.insight.pending:
            self.insight.digest(self.now)
        (room,) = self.insight.picture(self.now).rooms
        return room

    def pair(self) -> PairReport:
        (pair,) = self.read().pairs
        return pair

    def codes(self) -> list[str]:
        return [finding.code for finding in self.pair().diagnosis]

    def stage(self, name: str, by: str) -> Stage:
        stages = self.pair().stages
        return next(stage for stage in stages if (stage.name, stage.by) == (name, by))

    def candidates(self, by: str) -> CandidatesSent:
        details = self.stage("candidates", by).details
        assert isinstance(details, CandidatesSent)
        return details

    def lines(self) -> list[str]:
        """The notes, oldest first."""
        return [note.text for note in reversed(self.insight.notes())]


def states(room: RoomReport) -> dict[tuple[str, ...], str]:
    return {tuple(pair.peers): pair.state for pair in room.pairs}


def test_call_from_joining_to_connected() -> None:
    watch = Watch("node")
    watch.now = 101.0
    watch.join("gcom")
    watch.now = 102.0
    watch.offer(to="gcom")
    watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, "gcom")
    assert watch.insight.pending
    assert watch.insight.picture(102.0).rooms[0].pairs[0].state == "waiting"  # not read yet
    watch.now = 102.5
    watch.answer(candidates=[candidate("10.0.0.2")])
    watch.report("gcom", "connected")
    assert watch.insight.picture(102.5).rooms[0].pairs[0].state == "waiting"
    watch.insight.digest(102.75)
    assert not watch.insight.pending
    pair = watch.pair()
    assert (pair.peers, pair.state, pair.diagnosis) == (["node", "gcom"], "connected", [])
    assert watch.stage("offer", "node").at == 102.0
    assert watch.stage("answer", "gcom").at == 102.5
    assert watch.candidates("node").kinds == {"host private": 1}
    assert watch.candidates("gcom").total == 1
    assert watch.lines() == [
        "node joined from address-of-node over websocket",
        "gcom joined from address-of-gcom over websocket",
        "node sent an offer to gcom",
        "node sent candidates to gcom",
        "gcom sent an answer to node",
        "gcom reports: connected",
    ]


def test_real_descriptions_from_chrome_and_aiortc() -> None:
    watch = Watch("node", "gcom")
    watch.say("gcom", "offer", {"type": "offer", "sdp": CHROME_OFFER}, "node")
    watch.say("node", "answer", {"type": "answer", "sdp": AIORTC_ANSWER}, "gcom")
    assert watch.codes() == []
    assert watch.candidates("node").complete


def test_facts_of_a_real_relay() -> None:
    scene, insight = Scene(), Insight()
    scene.join("n", name="node")
    scene.say("n", "offer")
    scene.join("g", name="gcom", session="key")
    scene.say("g", "answer", to="node")
    scene.lose("g")
    scene.join("g2", name="gcom", session="key")
    for fact in scene.facts:
        insight.record(fact, scene.now)  # type: ignore[arg-type]
    insight.digest(scene.now)
    (room,) = insight.picture(scene.now).rooms
    assert room.pairs[0].state == "stalled"  # the scene's offers contain no SDP
    scene.leave("n")
    scene.leave("g2")
    for fact in scene.facts[-2:]:
        insight.record(fact, scene.now)  # type: ignore[arg-type]
    assert insight.picture(scene.now).rooms == []


# --- signals --------------------------------------------------------------------------------------


def test_signal_to_all_counts_for_each_pair_of_its_sender() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.offer()
    assert states(watch.read()) == {
        ("node", "gcom"): "negotiating",
        ("node", "laptop"): "negotiating",
        ("gcom", "laptop"): "waiting",
    }
    assert watch.lines()[-1] == "node sent an offer to all others"


def test_candidates_before_their_held_offer_count_too() -> None:
    watch = Watch("node")
    watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, held=1)
    watch.offer(held=1)
    watch.read()
    (peer,) = watch.insight._rooms["drone-1"].peers.values()
    assert [kind for kind, _ in peer.release()] == ["ice-candidate", "offer"]


def test_held_offer_counts_for_the_peer_that_joins() -> None:
    watch = Watch("node")
    watch.offer(held=1, ufrag="older")
    watch.offer(held=1)
    watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, held=1)
    watch.read()
    assert watch.lines()[-1] == "node sent candidates to nobody yet"
    watch.now = 110.0
    watch.record(HeldSignalsDelivered("node", "gcom", "drone-1", 2))
    watch.join("gcom")
    assert watch.pair().state == "negotiating"
    assert watch.stage("offer", "node").at == 110.0
    assert watch.candidates("node").total == 1
    assert "2 held signals from node went to gcom" in watch.lines()
    watch.answer()
    assert watch.pair().state == "answered"
    assert watch.codes() == []


def test_expired_offer_does_not_count_for_the_peer_that_joins() -> None:
    watch = Watch("node")
    watch.offer(held=1)
    watch.read()
    watch.record(HeldSignalsExpired("node", "drone-1", 1))
    watch.join("gcom")
    assert watch.pair().state == "waiting"
    assert "1 held signal from node expired: nobody joined in time" in watch.lines()


def test_handshake_is_measured_from_both_here_to_the_first_answer() -> None:
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


def test_peer_that_rejoins_negotiates_anew() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.answer()
    watch.report("node", "connected")
    watch.now = 150.0
    watch.join("node", rejoined=True)
    assert (watch.pair().state, watch.pair().peers) == ("waiting", ["gcom", "node"])
    assert watch.lines()[-1] == "node rejoined from address-of-node over websocket"


def test_signal_before_a_rejoin_belongs_to_the_old_negotiation() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.join("node", rejoined=True)
    assert watch.pair().state == "waiting"
    assert "node sent an offer to all others" in watch.lines()


def test_peer_that_leaves_is_dropped_with_its_pairs() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.leave("gcom")
    room = watch.read()
    assert [*room.peers] == ["node"]
    assert (room.pairs, watch.insight._pairs) == ([], 0)
    watch.leave("node")
    assert watch.insight.picture(watch.now).rooms == []
    assert not watch.insight.pending
    assert watch.lines()[-2:] == ["gcom left (goodbye)", "node left (goodbye)"]


def test_session_that_breaks_and_comes_back_has_lost_nothing() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.record(PeerAway("sid-gcom", "gcom", "drone-1", "ping-timeout", 30.0))
    watch.record(PeerResumed("sid-2", "gcom", "drone-1", "10.0.0.9", "polling", 3))
    assert watch.pair().state == "negotiating"  # nothing is lost
    assert watch.lines()[-2:] == [
        "gcom lost its connection (ping-timeout); it may come back within 30 s",
        "gcom is back from 10.0.0.9 over polling; it missed 3 messages",
    ]


def test_two_machines_that_take_a_name_from_each_other() -> None:
    watch = Watch("node", "gcom")
    for _ in range(3):
        assert watch.read().diagnosis == []
        watch.record(PeerReplaced("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
        watch.join("gcom", rejoined=True)
        watch.record(NameContested("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
    (finding,) = watch.read().diagnosis
    assert finding.code == "name-in-use"
    assert finding.text == (
        "Two machines use the name gcom: 10.0.0.5, 10.0.0.9 and address-of-gcom."
    )


def test_contest_of_a_name_that_nobody_has_any_longer_is_only_noted() -> None:
    watch = Watch("node", "gcom")
    watch.record(PeerLeft("sid-gcom", "gcom", "drone-1", "goodbye"))
    watch.record(NameContested("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
    watch.now += 5.0
    assert [finding.code for finding in watch.read().diagnosis] == ["alone"]
    assert "both use the name gcom" in watch.lines()[-1]


def test_page_that_is_reloaded_often_is_one_machine() -> None:
    watch = Watch("node", "gcom")
    for _ in range(5):
        watch.record(PeerReplaced("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
        watch.join("gcom", rejoined=True)
    assert watch.read().diagnosis == []


def test_session_that_comes_back_often_is_one_machine() -> None:
    watch = Watch("node", "gcom")
    for _ in range(4):
        watch.record(PeerReplaced("sid-gcom", "gcom", "drone-1", "10.0.0.5", "10.0.0.9"))
        watch.record(PeerResumed("sid-2", "gcom", "drone-1", "10.0.0.9", "websocket", 0))
    assert watch.read().diagnosis == []


def test_refusal_of_a_name_in_use_shows_that_two_machines_use_it() -> None:
    watch = Watch("node", "gcom")
    watch.record(Rejected("", "gcom", "drone-1", "10.0.0.9", "name-in-use", "no"))
    (finding,) = watch.read().diagnosis
    assert finding.text == "Two machines use the name gcom: 10.0.0.9 and address-of-gcom."
    assert watch.lines()[-1] == "refused gcom from 10.0.0.9: name-in-use: no"


def test_third_peer_is_one_too_many() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.record(RoomOverfull("drone-1", ("node", "gcom", "laptop"), 2))
    (finding,) = watch.read().diagnosis
    assert finding.text.startswith("A third peer has joined (laptop):")
    assert watch.lines()[-1] == "3 peers here, 2 expected: node, gcom, laptop"


def test_lone_peers_hear_of_each_other() -> None:
    watch = Watch("node")
    watch.join("gcom", room="drone1")
    watch.now += 5.0
    texts = [room.diagnosis[0].text for room in watch.insight.picture(watch.now).rooms]
    assert texts == [
        "node is alone in drone-1; gcom is alone in drone1: is that the same drone?",
        "gcom is alone in drone1; node is alone in drone-1: is that the same drone?",
    ]
    assert [peer.peer_id for peer in watch.insight.lone(watch.now, 9)] == ["gcom", "node"]
    away = PeerAway("sid-gcom", "gcom", "drone1", "ping-timeout", 30.0)
    watch.record(away)
    texts = [room.diagnosis[0].text for room in watch.insight.picture(watch.now).rooms]
    assert texts[0] == "node is alone in drone-1: nobody else has joined it."
    watch.insight.other_hosts = lambda: [LonePeer("gcom", "drone_1", "", "b")]
    texts = [room.diagnosis[0].text for room in watch.insight.picture(watch.now).rooms]
    assert texts[0] == (
        "node is alone in drone-1; gcom is alone in drone_1 on host b: is that the same drone?"
    )


def test_fact_about_an_unknown_room_or_peer_is_a_note_and_no_more() -> None:
    watch = Watch()
    for fact in (
        PeerResumed("s", "gcom", "drone-1", "a", "websocket", 0),
        PeerReplaced("s", "gcom", "drone-1", "a", "b"),
        PeerAway("s", "gcom", "drone-1", "ping-timeout", 30.0),
        HeldSignalsExpired("gcom", "drone-1", 1),
        RoomOverfull("drone-1", ("a", "b", "c"), 2),
        PeerLeft("s", "gcom", "drone-1", "goodbye"),
        Rejected("", "", "", "10.0.0.9", "name-in-use", "no"),
    ):
        watch.record(fact)
        assert watch.lines()[-1] == sentence(fact)
    before = watch.lines()
    watch.offer()
    watch.report("gcom", "connected")
    watch.record(Disconnected("s", "gcom", "drone-1", "a", "goodbye", 1.0, 0, 0))
    watch.insight.digest(watch.now)
    assert watch.insight.picture(watch.now).rooms == []
    assert watch.lines() == before


def test_signal_of_an_unknown_peer_changes_nothing() -> None:
    watch = Watch("gcom")
    watch.offer(to="gcom")
    watch.answer()
    assert watch.read().pairs == []


def test_report_counts_for_the_call_that_was_active_last() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.offer(to="laptop")
    watch.now += 1.0
    watch.offer(to="gcom", origin="2 1")
    watch.report("node", "connected")
    found = states(watch.read())
    assert (found["node", "gcom"], found["node", "laptop"]) == ("connected", "negotiating")


def test_report_counts_for_the_call_with_the_peer_that_it_names() -> None:
    watch = Watch("node", "gcom", "laptop")
    watch.offer(to="laptop")
    watch.now += 1.0
    watch.offer(to="gcom", origin="2 1")
    watch.report("node", "connected", to="laptop")
    found = states(watch.read())
    assert (found["node", "gcom"], found["node", "laptop"]) == ("negotiating", "connected")
    assert watch.lines()[-1] == "node reports: connected (its call with laptop)"


def test_two_gcoms_that_never_spoke_are_no_call_and_never_connected() -> None:
    watch = Watch("gcom-1", "gcom-2")
    watch.report("gcom-1", "connected")
    watch.now += 60.0
    room = watch.read()
    assert room.pairs == []
    assert [finding.code for finding in room.diagnosis] == ["no-node"]
    watch.join("node")
    watch.offer(to="gcom-1")
    watch.report("gcom-2", "connected")
    assert states(watch.read()) == {
        ("gcom-1", "node"): "negotiating",
        ("gcom-2", "node"): "waiting",
    }


def test_report_from_a_lonely_peer_is_a_note() -> None:
    watch = Watch("node")
    watch.report("node", "closed")
    watch.report("nobody", "closed")
    assert watch.lines()[-1] == "node reports: closed"


def test_first_frame_is_measured_from_both_here_for_the_receiver_once() -> None:
    watch = Watch("node")
    watch.now = 200.0
    watch.join("gcom")
    watch.offer()
    watch.answer()
    for name, seconds in (("node", 1.0), ("gcom", 1.5), ("gcom", 2.0)):
        watch.now = 200.0 + seconds
        watch.report(name, "connected", frames_per_second=25.0)
    assert watch.pair().first_frame == 1.5
    frames = watch.insight.first_frames
    assert (frames.count, frames.sum) == (1, 1.5)


# --- who was here ---------------------------------------------------------------------------------


def test_node_lost_in_flight_is_not_nobody() -> None:
    watch = Watch("node", "gcom")
    watch.offer()
    watch.answer()
    watch.report("gcom", "connected", to="node")
    watch.read()
    watch.now += 245.0
    watch.record(PeerLeft("sid-node", "node", "drone-1", "connection-lost"))
    watch.now += 12.0
    room = watch.read()
    assert [finding.text for finding in room.diagnosis] == [
        "node was lost 12 s ago (connection-lost), last at address-of-node, after 4 min in a call."
    ]
    assert [(peer.peer_id, peer.how, peer.in_call) for peer in room.last_seen] == [
        ("node", "lost", 245.0)
    ]
    watch.report("gcom", "failed", to="node")
    assert watch.read().diagnosis[0].severity == "alarm"
    watch.join("node")
    room = watch.read()
    assert (room.diagnosis, room.last_seen) == ([], [])


def test_goodbye_is_told_as_such() -> None:
    watch = Watch("node", "gcom")
    watch.leave("node")
    watch.now += 12.0
    assert [finding.text for finding in watch.read().diagnosis] == [
        "gcom is alone in drone-1: node left 12 s ago (goodbye)."
    ]


def test_gcom_that_fails_on_each_offer_is_named_with_what_it_does() -> None:
    watch = Watch("node")
    for _ in range(3):
        watch.join("gcom")
        watch.offer(to="gcom")
        watch.now += 0.5
        watch.record(PeerLeft("sid-gcom", "gcom", "drone-1", "connection-lost"))
        watch.now += 1.0
    texts = {finding.code: finding.text for finding in watch.read().diagnosis}
    assert texts["crashes-on-offer"] == (
        "gcom has joined and left 3 times in the last minute, each time after an offer: its "
        "program fails on the offer."
    )
    watch.join("gcom")
    watch.offer(to="gcom", origin="2 1")
    watch.answer()
    assert watch.read().diagnosis == []


def test_clients_without_a_name_are_known_by_their_address() -> None:
    watch = Watch("gcom")
    watch.record(PeerJoined("x1", "x1", "drone-1", "10.0.0.5", "websocket", False, "camera"))
    watch.record(PeerLeft("x1", "x1", "drone-1", "connection-lost"))
    watch.now += 3.0
    assert watch.read().diagnosis[0].text == (
        "camera at 10.0.0.5 was lost 3 s ago (connection-lost), last at 10.0.0.5."
    )


def test_memory_outlives_an_empty_room() -> None:
    watch = Watch("node", "gcom")
    watch.leave("node")
    watch.leave("gcom")
    watch.now += 60.0
    watch.join("gcom")
    assert [peer.peer_id for peer in watch.read().last_seen] == ["node"]


# --- after a restart of the server ----------------------------------------------------------------


def back(watch: Watch, name: str, seen: int = 0, session: str = "hash of the key") -> None:
    """A program with a session joins."""
    address = f"address-of-{name}"
    session = f"{session} of {name}"
    fact = PeerJoined(
        f"sid-{name}", name, "drone-1", address, "websocket", False, None, session, seen
    )
    watch.record(fact)


def test_after_a_restart_a_call_is_unknown_until_somebody_reports_it() -> None:
    watch = Watch()
    watch.insight = Insight(started_at=90.0)
    back(watch, "node")
    back(watch, "gcom")
    watch.now += 5.0
    assert (watch.pair().state, watch.codes()) == ("unknown", [])
    watch.report("node", "connected", to="gcom")
    assert watch.pair().state == "connected"
    watch.now += 100.0
    assert watch.pair().diagnosis == []


@pytest.mark.parametrize("joined", [("node", "gcom"), ("node",)])
def test_client_that_says_that_it_has_no_call_is_no_part_of_an_old_one(
    joined: tuple[str, ...],
) -> None:
    watch = Watch()
    watch.insight = Insight(started_at=90.0)
    for name in joined:
        back(watch, name)
    watch.report("node", "new")
    if len(joined) == 1:
        back(watch, "gcom")
    watch.now += 5.0
    assert (watch.pair().state, watch.codes()) == ("stalled", ["no-offer"])


def test_clients_without_a_session_negotiate_anew_after_a_restart() -> None:
    watch = Watch()
    watch.insight = Insight(started_at=90.0)
    back(watch, "node")
    watch.join("gcom")
    watch.now += 5.0
    assert (watch.pair().state, watch.codes()) == ("stalled", ["no-offer"])


def test_new_programs_long_after_the_start_are_no_old_call() -> None:
    watch = Watch()
    back(watch, "node")
    back(watch, "gcom")
    watch.now += 5.0
    assert watch.pair().state == "stalled"


def test_session_that_was_away_for_long_comes_back_to_its_call() -> None:
    watch = Watch()
    back(watch, "node")
    back(watch, "gcom")
    watch.offer()
    watch.answer()
    watch.read()
    watch.now += 60.0
    watch.record(PeerLeft("sid-node", "node", "drone-1", "ping-timeout"))
    watch.now += 10.0
    back(watch, "node", seen=7)
    watch.now += 5.0
    assert (watch.pair().state, watch.codes()) == ("unknown", [])
    watch.leave("node")
    back(watch, "node", session="another run")
    watch.now += 5.0
    assert watch.pair().state == "stalled"  # a new run of the program has to offer


def test_peer_that_is_away_owes_no_answer() -> None:
    watch = Watch("node", "gcom")
    watch.offer(candidates=[candidate("10.0.0.1")])
    watch.record(PeerAway("sid-gcom", "gcom", "drone-1", "ping-timeout", 30.0))
    watch.now += 12.0
    assert watch.codes() == []
    assert [finding.code for finding in watch.read().diagnosis] == ["away"]
    watch.record(PeerResumed("sid-2", "gcom", "drone-1", "10.0.0.9", "polling", 3))
    assert watch.codes() == ["no-answer"]
    assert watch.read().diagnosis == []


# --- refused --------------------------------------------------------------------------------------


def test_refused_signals_are_the_cause_of_what_is_missing() -> None:
    watch = Watch("node", "gcom")
    for _ in range(6):
        told = 'type must be one of offer, answer, ice-candidate; this one is "Offer"'
        watch.record(Rejected("sid-node", "node", "drone-1", "10.0.0.5", "invalid-type", told))
    watch.now += 12.0
    room = watch.read()
    (pair,) = room.pairs
    assert [finding.text for finding in pair.diagnosis] == [
        f"6 signals of node were refused in the last minute: {told}."
    ]
    assert (pair.state, room.diagnosis, room.peers["node"].refused) == ("stalled", [], 6)
    worst = watch.insight.picture(watch.now).headline
    assert worst
    assert (worst.room, worst.finding.side) == ("drone-1", "node")


def test_client_that_is_refused_at_the_door_is_a_finding_of_its_room() -> None:
    watch = Watch("node")
    watch.record(Rejected("", "gcom", "drone-1", "10.0.0.9", "unauthorized", "unknown token"))
    watch.record(Rejected("", "spy", "elsewhere", "10.0.0.9", "unauthorized", "unknown token"))
    watch.record(Refused("10.0.0.7", "jsonp"))
    picture = watch.insight.picture(watch.now)
    assert [finding.peers for finding in picture.rooms[0].diagnosis] == [("gcom",)]
    assert [finding.peers for finding in picture.elsewhere] == [(), ("spy",)]


# --- bounds ---------------------------------------------------------------------------------------


def test_nothing_makes_signals_be_read_at_once() -> None:
    watch = Watch("node", "gcom")
    watch.offer(to="gcom")
    watch.record(Rejected("sid-node", "node", "drone-1", "10.0.0.9", "rate-limited", "no"))
    watch.record(PeerAway("sid-gcom", "gcom", "drone-1", "ping-timeout", 30.0))
    watch.report("gcom", "failed")
    watch.leave("gcom")
    watch.join("gcom", rejoined=True)
    (room,) = watch.insight.picture(watch.now).rooms
    assert room.pairs[0].state == "waiting"
    assert watch.insight.pending
    watch.read()
    texts = [note.text for note in reversed(watch.insight.notes())]
    assert texts.index("node sent an offer to gcom") < texts.index("gcom reports: failed")


def test_signal_to_a_crowd_is_read_for_the_pairs_that_are_observed() -> None:
    watch = Watch(*(f"peer-{number:02}" for number in range(40)))
    watch.leave("peer-01")  # a pair or more find a place
    watch.now = 200.0
    passed = []
    pass_on = watch.insight._pass

    def count(room: Any, sender: str, receiver: str, *more: Any) -> None:
        passed.append(receiver)
        pass_on(room, sender, receiver, *more)

    watch.insight._pass = count  # type: ignore[method-assign]
    for sender in ("peer-39", "peer-00", "peer-00"):
        watch.say(sender, "offer", {"sdp": sdp()})
    pairs = watch.read().pairs
    assert len(pairs) == ROOM_PAIRS
    assert len(passed) <= 3 * ROOM_PAIRS
    spoke = {name for pair in pairs if pair.last_activity == 200.0 for name in pair.peers}
    assert {"peer-00", "peer-39"} <= spoke


def test_pairs_are_bounded_and_counted_again_when_peers_leave() -> None:
    names = [f"peer-{number}" for number in range(12)]
    watch = Watch(*names)
    assert len(watch.read().pairs) == watch.insight._pairs == ROOM_PAIRS
    for name in names[:6]:
        watch.leave(name)
    assert len(watch.read().pairs) == watch.insight._pairs < ROOM_PAIRS
    # A pair that found no place before gets one when it speaks.
    watch.say("peer-10", "offer", {"sdp": sdp()}, "peer-11")
    assert ["peer-10", "peer-11"] in [pair.peers for pair in watch.read().pairs]


def test_all_pairs_of_all_rooms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight_module, "MAX_PAIRS", 1)
    watch = Watch("node", "gcom")
    watch.join("one", room="drone-2")
    watch.join("other", room="drone-2")
    assert [len(room.pairs) for room in watch.insight.picture(watch.now).rooms] == [1, 0]


def test_last_notes_are_kept_newest_first() -> None:
    watch = Watch()
    for number in range(NOTES + 20):
        watch.now = 100.0 + number
        watch.join(f"peer-{number}")
    notes = watch.insight.notes()
    assert len(notes) == NOTES
    assert notes[0].text.startswith(f"peer-{NOTES + 19} joined")
    assert (notes[1].at, notes[1].room, notes[1].times) == (watch.now - 1, "drone-1", 1)


def test_note_of_a_room_that_is_read_late_goes_to_its_place() -> None:
    watch = Watch("node", "gcom")
    watch.offer(to="gcom")
    for number in range(NOTES - 2):
        watch.now += 1.0
        watch.join(f"peer-{number}", room="drone-2")
    assert len(watch.insight.notes()) == NOTES
    while watch.insight.pending:
        watch.insight.digest(watch.now)
    notes = watch.insight.notes()
    assert (len(notes), notes[-2].text) == (NOTES, "node sent an offer to gcom")
    assert [note.at for note in notes] == sorted((note.at for note in notes), reverse=True)


def test_notes_that_repeat_are_one_line() -> None:
    watch = Watch("node", "gcom")
    for _ in range(20):
        watch.say("node", "ice-candidate", {"candidate": candidate("10.0.0.1")}, "gcom")
        watch.say("gcom", "ice-candidate", {"candidate": candidate("10.0.0.2")}, "node")
    watch.read()
    newest = [(note.text, note.times) for note in watch.insight.notes()[:2]]
    assert newest == [("gcom sent candidates to node", 20), ("node sent candidates to gcom", 20)]


def test_no_body_is_kept_once_it_is_read() -> None:
    watch = Watch("node", "gcom")
    watch.say("node", "offer", {"sdp": CHROME_OFFER, "more": "planted"}, "gcom")
    shown = repr([watch.read(), watch.insight.notes(), vars(watch.insight)])
    assert not watch.insight.pending
    assert "planted" not in shown
    assert "9Yxq0AUmXPn9KzD2PqV0vJ1t" not in shown
