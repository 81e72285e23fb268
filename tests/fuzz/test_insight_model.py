"""Insight against a model: Hypothesis plays a Streaming Node and a GCOM at a real relay.

What the page says is compared with what the players know. A player that reports does so as the
examples do: on every change of its RTCPeerConnection, and when it is back at the server. One that
watches the video reports its frames too.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scenarios.scene import Scene
from sdps import candidate, sdp
from signaling_server.core.insight.insight import Insight
from signaling_server.core.insight.picture import Picture
from signaling_server.core.protocol.events import Signalled
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.rtc_report import ConnectionReport

NODE, GCOM = "streaming-node", "gcom"
ADDRESSES = {NODE: "10.0.0.1", GCOM: "10.0.0.2"}

CALLS = 2
"""That a node places until it hears an answer."""
LOST = ("disconnected", "failed")
REPORT_SECONDS = 2.0
FRESH_SECONDS = 8.0
"""For so long a report says how it is now."""
SEES = {"runs": 30.0, "dark": 0.0, "garbled": 0.0}
"""Frames a second at GCOM, by the camera."""
CARRIES = {"runs": 900.0, "dark": 0.0, "garbled": 900.0}
"""kbit/s."""
BLAMED = {"dark": NODE, "garbled": GCOM}
"""Who has to act."""
REPORTING = st.sampled_from([(True, True), (False, True), (False, False)])
"""Whether the node reports, whether GCOM does."""
PICTURE = {"no-frames", "not-decoded", "frozen"}


class Player:
    """What one program knows of itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.run = 0
        """Which run of the program this is; 0: it has not run yet."""
        self.sid = ""
        """Of its connection; empty: it has none."""
        self.here_since = 0.0
        """When its peer joined the room."""
        self.is_peer = False
        """Whether the server holds its place: it is present, or away."""
        self.gone: str | None = None
        """How it went last, as others see it: lost or goodbye."""
        self.reports = True
        """Whether its program reports at all."""
        self.pc = ""
        """The state of its RTCPeerConnection; empty: it has none."""
        self.call = 0
        """The number of the call that is of."""
        self.reported = ""
        """What it has reported of its call, to this server, since both are here."""


class Insights(RuleBasedStateMachine):
    """`call`: "" (none), "offered", "answered", "up" (media flows, whatever the server knows) or
    "broken" (no longer).
    """

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.insight = Insight(started_at=0.0)
        self.read = 0
        self.players = {name: Player(name) for name in (NODE, GCOM)}
        self.call = ""
        self.calls = 0
        self.camera = "runs"
        self.told_at = -1.0
        """When GCOM reported last."""
        self.unanswered = 0
        """Offers that GCOM has not answered: it answers each of them, in their order."""
        self.heard_of_call = False
        """Whether this server has seen something of the call since both are here."""
        self.number = 0

    # --- helpers of the rules ---------------------------------------------------------------------

    def feed(self) -> None:
        """Let insight see all facts."""
        for fact in self.scene.facts[self.read :]:
            self.insight.record(fact, self.scene.now)  # type: ignore[arg-type]
        self.read = len(self.scene.facts)
        while self.insight.pending:
            self.insight.digest(self.scene.now)

    def other(self, player: Player) -> Player:
        return self.players[GCOM if player.name == NODE else NODE]

    def both_here(self) -> bool:
        return all(player.is_peer for player in self.players.values())

    def connect(self, player: Player, new_run: bool) -> None:
        """A program connects: with the session of its run."""
        if new_run:
            player.run += 1
            self.call, player.reported, player.pc = "", "", ""
            self.unanswered = 0
        self.number += 1
        player.sid = f"{player.name}-{self.number}"
        was_peer = player.is_peer and not new_run
        self.scene.join(player.sid, player.name, role=player.name, session=f"run {player.run}")
        player.is_peer = True
        if not was_peer:
            player.here_since = self.scene.now
            player.reported = self.other(player).reported = ""
            self.heard_of_call = False
        self.feed()
        if not new_run:
            self.tell(player)

    def tell(self, player: Player) -> None:
        """A program that reports says how its connection is, and GCOM what it sees."""
        if not (player.reports and player.sid and player.pc):
            return
        stats = {}
        if player.name == GCOM and player.pc == "connected" and self.call == "up":
            frames, carried = SEES[self.camera], CARRIES[self.camera]
            stats = {"frames_per_second": frames, "bitrate_kbps": carried}
        if player.name == GCOM:
            self.told_at = self.scene.now
        report = ConnectionReport(player.pc, {}, self.other(player).name, stats)
        self.insight.report("default", player.name, report, self.scene.now)
        self.feed()
        if self.both_here():
            player.reported, self.heard_of_call = player.pc, True

    def becomes(self, player: Player, state: str) -> None:
        """The connection of a program changes its state."""
        player.pc = state
        self.tell(player)

    def signal(self, player: Player, kind: str) -> None:
        """A program sends a description to the other one, with a candidate in it."""
        self.number += 1
        text = sdp(
            "sendonly" if kind == "offer" else "recvonly",
            setup="actpass" if kind == "offer" else "active",
            ufrag=f"u{self.number}",
            origin=f"{self.number} 1",
            candidates=[candidate(ADDRESSES[player.name])],
        )
        to = self.other(player).name
        message = {
            "type": kind,
            "to": to,
            "data": {"number": self.number, "type": kind, "sdp": text},
        }
        self.scene._handle(Signalled(player.sid, parse_signal(json.dumps(message), 262144, 64)))
        self.feed()

    # --- what programs do -------------------------------------------------------------------------

    @rule(name=st.sampled_from([NODE, GCOM]), reports=st.booleans())
    def start(self, name: str, reports: bool) -> None:
        """A program starts, in place of the run that was there."""
        self.players[name].reports = reports
        self.connect(self.players[name], new_run=True)

    @rule(name=st.sampled_from([NODE, GCOM]))
    def come_back(self, name: str) -> None:
        """A run that has lost its connection connects again."""
        player = self.players[name]
        if player.run and not player.sid and player.gone != "goodbye":
            self.connect(player, new_run=False)

    @rule(name=st.sampled_from([NODE, GCOM]))
    def say_goodbye(self, name: str) -> None:
        """A program ends in order."""
        player = self.players[name]
        if player.sid:
            self.scene.leave(player.sid)
            player.sid, player.is_peer, player.gone, self.call = "", False, "goodbye", ""
            player.run += 1
            player.pc = ""
            self.feed()

    @rule(name=st.sampled_from([NODE, GCOM]))
    def lose(self, name: str) -> None:
        """A connection breaks: the call goes on."""
        player = self.players[name]
        if player.sid:
            self.scene.lose(player.sid)
            player.sid, player.gone = "", "lost"
            self.feed()

    @rule(seconds=st.sampled_from([0.5, 3.0, 6.0, 15.0, 40.0]))
    def wait(self, seconds: float) -> None:
        """Time passes: whoever is away for too long has left."""
        self.scene.wait(seconds)
        self.feed()
        present = {peer.peer_id for peer in self.scene.relay.peers.values()}
        rooms = self.scene.relay.rooms.values()
        held = present | {name for room in rooms for name in room.peers}
        for player in self.players.values():
            player.is_peer = player.name in held

    @rule(name=st.sampled_from([NODE, GCOM]))
    def stay_away(self, name: str) -> None:
        """A connection breaks for longer than the server waits."""
        self.lose(name)
        self.wait(40.0)

    def may_offer(self) -> bool:
        """A node that hears no answer calls again, once here; none does in a call that is up.

        More calls that are answered, without a report, are for the server a call that fails.
        """
        over = self.call in ("", "offered", "broken")
        return self.both_here() and over and self.unanswered < CALLS

    @precondition(lambda self: self.may_offer())
    @rule()
    def offer(self) -> None:
        """The node calls, or calls again."""
        node = self.players[NODE]
        if node.sid:
            self.signal(node, "offer")
            self.calls += 1
            self.call, self.heard_of_call = "offered", True
            self.unanswered += 1
            node.call = self.calls
            self.becomes(node, "new")

    @precondition(lambda self: self.call == "offered" and self.both_here())
    @rule()
    def answer(self) -> None:
        """GCOM answers."""
        gcom = self.players[GCOM]
        if gcom.sid:
            for _ in range(self.unanswered):
                self.signal(gcom, "answer")
            self.unanswered = 0
            self.call, gcom.call = "answered", self.calls
            for player in self.players.values():
                self.becomes(player, "connecting")

    @precondition(lambda self: self.call == "answered")
    @rule(camera=st.sampled_from(sorted(SEES)))
    def media_flows(self, camera: str) -> None:
        """ICE finds a path; whatever the camera shows."""
        self.call, self.camera = "up", camera
        for player in self.players.values():
            self.becomes(player, "connected")

    @precondition(lambda self: self.call == "up")
    @rule(name=st.sampled_from([NODE, GCOM]))
    def report(self, name: str) -> None:
        """A side of a call that is up says so once more."""
        self.tell(self.players[name])

    def known_to_be_up(self) -> bool:
        """Whether a side has told this server of the call: else a new one looks like a redial."""
        return self.call == "up" and any(p.reported == "connected" for p in self.players.values())

    @precondition(lambda self: self.known_to_be_up())
    @rule(name=st.sampled_from([NODE, GCOM]), state=st.sampled_from(LOST))
    def path_breaks(self, name: str, state: str) -> None:
        """ICE loses its path, and one side notices it first."""
        self.call = "broken"
        self.becomes(self.players[name], state)

    @precondition(lambda self: self.call == "broken")
    @rule(name=st.sampled_from([NODE, GCOM]))
    def notices(self, name: str) -> None:
        """The other side notices it too, or a side gives up."""
        self.becomes(self.players[name], "failed")

    @precondition(lambda self: self.call == "up")
    @rule(camera=st.sampled_from(sorted(SEES)), looks=st.sampled_from([1, 5]))
    def watch(self, camera: str, looks: int) -> None:
        """GCOM watches a camera, which may have stopped, and reports what it sees."""
        gcom, node = self.players[GCOM], self.players[NODE]
        if not gcom.sid or not node.sid:
            return
        self.camera = camera
        for _ in range(looks):
            self.wait(REPORT_SECONDS)
            self.tell(gcom)
        if looks > 1 and gcom.reports and gcom.reported == "connected":
            self.picture_is_judged(gcom)

    def picture_is_judged(self, gcom: Player) -> None:
        """After ten seconds of the same it is said that nothing is seen, and who has to act."""
        found = [each for each in self.findings() if each.code in PICTURE]
        assert bool(found) == (self.camera != "runs")
        for finding in found:
            assert finding.severity == "alarm"
            assert finding.side == BLAMED[self.camera]
            if self.camera == "dark":
                assert finding.code in ("no-frames", "frozen")
            else:
                assert finding.code in ("not-decoded", "frozen")

    @rule()
    def server_restarts(self) -> None:
        """All connections break; the server knows nothing any longer."""
        now = self.scene.now
        self.scene, self.read = Scene(), 0
        self.scene.now = now
        self.insight = Insight(started_at=now)
        self.heard_of_call, self.unanswered = False, 0
        for player in self.players.values():
            player.sid, player.is_peer, player.reported = "", False, ""

    # --- what often follows on another: rules that are chosen one by one seldom get so far --------

    @rule(wait=st.sampled_from([0.0, 6.0, 15.0]), reports=REPORTING)
    def both_start_and_node_offers(self, wait: float, reports: tuple[bool, bool]) -> None:
        """Two programs meet; the answer may be late."""
        self.start(NODE, reports[0])
        self.start(GCOM, reports[1])
        self.offer()
        self.wait(wait)

    @rule(camera=st.sampled_from(sorted(SEES)), reports=REPORTING)
    def both_start_and_connect(self, camera: str, reports: tuple[bool, bool]) -> None:
        """The whole of a call."""
        self.both_start_and_node_offers(0.0, reports)
        self.answer()
        self.media_flows(camera)

    @rule(name=st.sampled_from([NODE, GCOM]), wait=st.sampled_from([6.0, 15.0]))
    def one_is_away_before_the_offer(self, name: str, wait: float) -> None:
        """Two programs meet, and one loses its connection at once."""
        self.start(NODE, True)
        self.start(GCOM, True)
        self.lose(name)
        self.wait(wait)

    @rule(camera=st.sampled_from(["dark", "garbled"]))
    def call_with_a_picture_loses_it(self, camera: str) -> None:
        """The camera of a call that was seen stops."""
        self.both_start_and_connect("runs", (True, True))
        self.watch("runs", 5)
        self.watch(camera, 5)

    @rule(
        camera=st.sampled_from(sorted(SEES)),
        reports=REPORTING,
        name=st.sampled_from([NODE, GCOM]),
        wait=st.sampled_from([0.0, 15.0]),
    )
    def call_outlives_the_server(
        self, camera: str, reports: tuple[bool, bool], name: str, wait: float
    ) -> None:
        """The server restarts under a call, and one side is back sooner than the other."""
        self.both_start_and_connect(camera, reports)
        self.server_restarts()
        self.come_back(name)
        self.wait(wait)
        self.come_back(self.other(self.players[name]).name)
        self.wait(wait)

    @rule(name=st.sampled_from([NODE, GCOM]), state=st.sampled_from(LOST), reports=REPORTING)
    def call_breaks(self, name: str, state: str, reports: tuple[bool, bool]) -> None:
        """A call that stood, and that is reported, does no longer."""
        self.both_start_and_connect("runs", reports)
        if self.known_to_be_up():
            self.path_breaks(name, state)

    @precondition(lambda self: self.may_offer() and all(p.sid for p in self.players.values()))
    @rule(camera=st.sampled_from(sorted(SEES)))
    def call_gets_up(self, camera: str) -> None:
        """The whole negotiation."""
        self.offer()
        self.answer()
        self.media_flows(camera)

    @rule(wait=st.sampled_from([0.0, 6.0, 15.0]))
    def restart_and_return(self, wait: float) -> None:
        """The server restarts, and both come back, as far as they still run."""
        self.server_restarts()
        self.come_back(NODE)
        self.come_back(GCOM)
        self.wait(wait)

    # --- what the page says -----------------------------------------------------------------------

    def picture(self) -> Picture:
        return self.insight.picture(self.scene.now)

    def findings(self) -> list[Any]:
        found = []
        for room in self.picture().rooms:
            found += [*room.diagnosis, *(each for pair in room.pairs for each in pair.diagnosis)]
        return found

    def all_is_told(self) -> bool:
        """Whether those who report have told this server of their newest state."""
        return all(p.reported == p.pc for p in self.players.values() if p.reports and p.reported)

    @invariant()
    def call_that_is_up_is_no_alarm(self) -> None:
        """Unless the picture is missing."""
        if self.call == "up" and self.both_here() and self.all_is_told():
            alarms = {each.code for each in self.findings() if each.severity == "alarm"}
            assert alarms <= PICTURE

    @invariant()
    def connected_is_what_the_players_report(self) -> None:
        states = [pair.state for room in self.picture().rooms for pair in room.pairs]
        reported = [player.reported for player in self.players.values()]
        if "connected" in states:
            assert self.both_here()
            assert "connected" in reported
            assert not {*reported} & {*LOST}
        elif self.call == "up" and self.both_here() and self.all_is_told():
            assert "connected" not in reported

    @invariant()
    def loss_is_told_of_who_reports_it(self) -> None:
        for finding in self.findings():
            if finding.code.startswith("reported-"):
                (who,) = finding.peers
                assert self.players[who].reported == finding.code.partition("-")[2]
        failed = [player for player in self.players.values() if player.reported == "failed"]
        if failed and self.call == "broken" and all(p.sid for p in self.players.values()):
            assert [each for each in self.findings() if each.severity == "alarm"]

    @invariant()
    def missing_picture_is_what_gcom_has_just_reported(self) -> None:
        if {each.code for each in self.findings()} & PICTURE:
            gcom, silent_for = self.players[GCOM], self.scene.now - self.told_at
            assert gcom.reports
            assert silent_for <= FRESH_SECONDS
            assert self.camera != "runs" or silent_for > 0.0  # it has changed since

    @invariant()
    def only_what_is_missing_is_missed(self) -> None:
        for finding in self.findings():
            if finding.code == "no-answer":
                assert self.call in ("offered", "")  # a newer run may have lost it
                assert finding.side == GCOM
            elif finding.code == "no-offer":
                assert self.call != "up"
                assert not self.heard_of_call
                assert finding.side == NODE
                assert all(player.sid for player in self.players.values())
            elif finding.code == "alone":
                here = [player for player in self.players.values() if player.is_peer]
                assert [player.name for player in here] == list(finding.peers)

    @invariant()
    def whoever_was_lost_is_told_from_who_left(self) -> None:
        for room in self.picture().rooms:
            for seen in room.last_seen:
                player = self.players[seen.peer_id]
                assert not player.is_peer
                if player.gone:
                    assert seen.how in (player.gone, "replaced")
            for finding in room.diagnosis:
                if finding.code == "lost":
                    (who,) = finding.peers
                    assert self.players[who].gone == "lost"
                    assert finding.side in (who, "")

    @invariant()
    def headline_is_the_worst(self) -> None:
        worst, order = self.picture().headline, ("alarm", "warning", "note")
        severities = [order.index(finding.severity) for finding in self.findings()]
        assert (worst is None) == (not severities)
        if worst:
            assert order.index(worst.finding.severity) == min(severities)


TestInsights = Insights.TestCase
TestInsights.settings = hypothesis_settings(stateful_step_count=30)
