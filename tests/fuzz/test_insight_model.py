"""Insight against a model: Hypothesis plays a Streaming Node and a GCOM at a real relay.

What the page says is compared with what the players know.
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
        self.reported = ""
        """What it has reported of its call, to this server."""


class Insights(RuleBasedStateMachine):
    """`call`: "" (none), "offered", "answered" or "up" (media flows, whatever the server knows)."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.insight = Insight(started_at=0.0)
        self.read = 0
        self.players = {name: Player(name) for name in (NODE, GCOM)}
        self.call = ""
        self.call_at = 0.0
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
            self.call, player.reported = "", ""
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

    @rule(name=st.sampled_from([NODE, GCOM]))
    def start(self, name: str) -> None:
        """A program starts, in place of the run that was there."""
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

    def may_offer(self) -> bool:
        """A node that hears no answer calls again, once here; none does in a call that is up.

        More calls that are answered, without a report, are for the server a call that fails.
        """
        return self.both_here() and self.call in ("", "offered") and self.unanswered < CALLS

    @precondition(lambda self: self.may_offer())
    @rule()
    def offer(self) -> None:
        """The node calls, or calls again."""
        node = self.players[NODE]
        if node.sid:
            self.signal(node, "offer")
            self.call, self.call_at, self.heard_of_call = "offered", self.scene.now, True
            self.unanswered += 1

    @precondition(lambda self: self.call == "offered" and self.both_here())
    @rule()
    def answer(self) -> None:
        """GCOM answers."""
        gcom = self.players[GCOM]
        if gcom.sid:
            for _ in range(self.unanswered):
                self.signal(gcom, "answer")
            self.unanswered = 0
            self.call, self.call_at = "answered", self.scene.now

    @precondition(lambda self: self.call == "answered")
    @rule()
    def media_flows(self) -> None:
        """ICE finds a path: nobody tells the server."""
        self.call = "up"

    @precondition(lambda self: self.call == "up")
    @rule(name=st.sampled_from([NODE, GCOM]))
    def report(self, name: str) -> None:
        """A side of a call that is up says so."""
        player = self.players[name]
        if player.sid:
            report = ConnectionReport("connected", {}, self.other(player).name)
            self.insight.report("default", name, report, self.scene.now)
            self.feed()
            if self.both_here():
                player.reported, self.heard_of_call = "connected", True

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

    @rule(wait=st.sampled_from([0.0, 6.0, 15.0]))
    def both_start_and_node_offers(self, wait: float) -> None:
        """Two programs meet; the answer may be late."""
        self.start(NODE)
        self.start(GCOM)
        self.offer()
        self.wait(wait)

    @precondition(lambda self: self.may_offer() and all(p.sid for p in self.players.values()))
    @rule()
    def call_gets_up(self) -> None:
        """The whole negotiation."""
        self.offer()
        self.answer()
        self.media_flows()

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

    @invariant()
    def call_that_is_up_is_no_alarm(self) -> None:
        if self.call == "up" and self.both_here():
            assert not [each for each in self.findings() if each.severity == "alarm"]

    @invariant()
    def connected_is_what_the_players_report(self) -> None:
        states = [pair.state for room in self.picture().rooms for pair in room.pairs]
        reported = [player for player in self.players.values() if player.reported]
        known = bool(reported) and self.both_here()
        assert states.count("connected") == int(known)

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
                    assert self.players[finding.side].gone == "lost"

    @invariant()
    def headline_is_the_worst(self) -> None:
        worst, order = self.picture().headline, ("alarm", "warning", "note")
        severities = [order.index(finding.severity) for finding in self.findings()]
        assert (worst is None) == (not severities)
        if worst:
            assert order.index(worst.finding.severity) == min(severities)


TestInsights = Insights.TestCase
TestInsights.settings = hypothesis_settings(stateful_step_count=20, max_examples=100, deadline=None)
