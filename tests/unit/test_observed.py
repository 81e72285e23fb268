from __future__ import annotations

import pytest

from sdps import sdp
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import MAX_HELD, Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.roles import VIEWER
from signaling_server.core.insight.sdp import parse_description
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined
from signaling_server.core.protocol.rtc_report import ConnectionReport


def peer(name: str, at: float = 100.0, address: str = "10.0.0.1") -> ObservedPeer:
    return ObservedPeer(
        PeerJoined(f"sid-{name}", name, "drone-1", address, "websocket", False), [], at
    )


def room(*names: str) -> ObservedRoom:
    made = ObservedRoom("drone-1")
    for name in names:
        made.peers[name] = peer(name)
    return made


def sentences(of: ObservedRoom, *elsewhere: LonePeer, now: float = 100.0) -> dict[str, str]:
    findings = of.report(elsewhere, now).diagnosis
    return {finding.code: finding.text for finding in findings}


def test_room_knows_since_when_each_peer_is_here() -> None:
    here = room("node")
    here.peers["gcom"] = peer("gcom", at=112.5)
    report = here.report([], 120.0)
    assert {name: count.since for name, count in report.peers.items()} == {
        "node": 100.0,
        "gcom": 112.5,
    }


def test_two_peers_are_fine() -> None:
    assert room("node", "gcom").report([], 100.0).diagnosis == []


def test_lonely_peer_hears_of_another_one_elsewhere() -> None:
    alone = room("node")
    assert sentences(alone, now=104.9) == {}
    assert sentences(alone, now=105.0) == {
        "alone": "node is alone in drone-1: nobody else has joined it."
    }
    assert sentences(alone, LonePeer("gcom", "drone1", VIEWER), now=105.0) == {
        "other-room": "node is alone in drone-1; gcom is alone in drone1: is that the same drone?"
    }


def test_more_peers_than_are_expected() -> None:
    crowd = room("node", "gcom", "laptop")
    assert sentences(crowd) == {}
    crowd.expected = 2
    drops = "existing Streaming Nodes then drop their call."
    assert sentences(crowd) == {"crowded": f"A third peer has joined (laptop): {drops}"}
    crowd.peers["phone"] = peer("phone")
    assert sentences(crowd) == {"crowded": f"A fourth peer has joined (phone): {drops}"}
    crowd.peers["tablet"] = peer("tablet")
    assert sentences(crowd) == {"crowded": f"Peer number 5 has joined (tablet): {drops}"}
    crowd.expected = 5
    assert sentences(crowd) == {}


def test_name_that_changes_hands_often_is_used_twice() -> None:
    crowd = room("node", "gcom")
    for number in range(MAX_TAKEOVERS):
        assert sentences(crowd) == {}
        crowd.peers["gcom"].contest(Contest(100.0 + number, ("10.0.0.1", "10.0.0.9")))
    expected = {"name-in-use": "Two machines use the name gcom: 10.0.0.1 and 10.0.0.9."}
    assert sentences(crowd, now=100.0 + MAX_TAKEOVERS) == expected
    assert sentences(crowd, now=100.0 + TAKEOVER_WINDOW) == {}


def test_one_refusal_shows_that_a_name_is_used_twice() -> None:
    crowd = room("node", "gcom")
    crowd.peers["gcom"].contest(Contest(100.0, ("10.0.0.1",), refused=True))
    assert sentences(crowd) == {"name-in-use": "Two programs at 10.0.0.1 use the name gcom."}


def test_old_takeovers_are_forgotten_and_only_the_newest_are_kept() -> None:
    gcom = peer("gcom")
    gcom.contest(Contest(100.0, ()))
    for number in range(MAX_TAKEOVERS * 2):
        gcom.contest(Contest(100.0 + TAKEOVER_WINDOW + number, ()))
    assert len(gcom.contests) == MAX_TAKEOVERS
    assert gcom.contests[0].at == 100.0 + TAKEOVER_WINDOW + MAX_TAKEOVERS


def test_memory_of_held_signals_is_bounded() -> None:
    gcom = peer("gcom")
    for _ in range(MAX_HELD * 2):
        gcom.hold("ice-candidate", None)
    assert len(gcom.release()) == MAX_HELD
    assert gcom.release() == []


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        (["ice-candidate", "offer"], ["ice-candidate", "offer"]),
        (["offer", "ice-candidate", "offer"], ["offer"]),
    ],
)
def test_newer_offer_replaces_an_older_negotiation_and_no_early_candidate(
    sent: list[str], held: list[str]
) -> None:
    gcom = peer("gcom")
    for kind in sent:
        gcom.hold(kind, None)
    assert gcom.release(1) == [(held[0], None)]
    assert gcom.release() == [(kind, None) for kind in held[1:]]


# --- pairs ----------------------------------------------------------------------------------------


def test_of_three_peers_those_who_do_not_call_each_other_are_not_blamed() -> None:
    here = room("node", "gcom", "laptop")
    for one, other in (("gcom", "laptop"), ("node", "gcom")):
        here.pairs[frozenset((one, other))] = Pair(one, other, 100.0)
    quiet, calling = here.report([], 110.0).pairs
    assert [finding.code for finding in quiet.diagnosis] == ["no-offer"]
    here.pairs[frozenset(calling.peers)].offered("node", parse_description(sdp()), 101.0)
    quiet, _ = here.report([], 110.0).pairs
    assert (quiet.peers, quiet.state, quiet.diagnosis) == (["gcom", "laptop"], "waiting", [])


def test_pair_of_programs_that_come_back_may_have_a_call() -> None:
    here = ObservedRoom("drone-1")
    early, late = peer("node", 100.0), peer("gcom", 110.0)
    here.peers = {"node": early, "gcom": late}

    def standing() -> bool:
        return here.make_pair(late, early).standing

    assert not standing()
    late.session = early.session = "hash"
    assert not standing()
    late.returned = True
    assert not standing()
    early.returned = True
    assert standing()
    early.returned, late.left_before = False, 90.0
    assert not standing()
    late.left_before = 105.0
    assert standing()
    early.session = None
    assert not standing()
    pair = here.pairs[frozenset(("node", "gcom"))]
    assert ([*pair.sides], pair.since) == (["node", "gcom"], 110.0)
    assert [side.peer_id for side in here.sides_of("gcom")] == ["gcom"]
    assert [*here.sides_of("laptop")] == []
    pair.standing = True
    other = here.make_pair(peer("laptop"), early)
    other.standing = True
    here.has_no_call("gcom")
    assert (pair.standing, other.standing, late.returned) == (False, True, False)


def test_end_of_a_peer_is_remembered_with_its_call() -> None:
    here = room("node", "gcom")
    pair = here.make_pair(here.peers["node"], here.peers["gcom"])
    pair.offered("node", parse_description(sdp()), 101.0)
    pair.reported("gcom", ConnectionReport("connected", {}), 110.0)
    here.ended(here.peers.pop("gcom"), "connection-lost", 103.0)
    (life,) = here.memory.seen["gcom"].lives
    assert (life.joined_at, life.left_at, life.reason) == (100.0, 103.0, "connection-lost")
    assert life.after_offer
    node = here.peers["node"]
    node.away_since, node.reason = 150.0, "ping-timeout"
    assert node.side().away
    here.ended(node, "expired", 180.0)
    life = here.memory.seen["node"].last
    assert (life.left_at, life.reason, life.in_call) == (150.0, "ping-timeout", 40.0)
    assert not life.after_offer


def test_peer_without_a_name_is_known_by_its_address() -> None:
    fact = PeerJoined("x", "x", "drone-1", "10.0.0.9", "websocket", False)
    assert ObservedPeer(fact, [], 1.0).who == "a client at 10.0.0.9"
    assert ObservedPeer(fact._replace(role="camera"), [], 1.0).who == "camera at 10.0.0.9"


def test_peer_that_is_away_is_not_alone() -> None:
    alone = room("node")
    alone.peers["node"].away_since = 101.0
    assert alone.lone(110.0) is None


def test_peer_that_was_lost_is_said_while_somebody_waits_for_it() -> None:
    here = room("node", "gcom")
    here.ended(here.peers.pop("node"), "connection-lost", 103.0)
    assert [*sentences(here, now=110.0)] == ["lost"]
    here.peers["other-node"] = peer("other-node", 111.0)
    assert [*sentences(here, now=112.0)] == []


def test_peer_that_settles_is_no_longer_said_to_fail() -> None:
    here = room("node")
    for at in (101.0, 102.0):
        gcom = here.peers["gcom"] = peer("gcom", at)
        pair = here.make_pair(here.peers["node"], gcom)
        pair.offered("node", parse_description(sdp()), at)
        here.ended(here.peers.pop("gcom"), "goodbye", at + 0.5)
        here.pairs.clear()
    here.peers["gcom"] = peer("gcom", 103.0)
    assert [*sentences(here, now=104.0)] == ["crashes-on-offer"]
    pair = here.make_pair(here.peers["node"], here.peers["gcom"])
    pair.reported("gcom", ConnectionReport("connected", {}), 105.0)
    assert [*sentences(here, now=106.0)] == []
    here.pairs.clear()
    assert [*sentences(here, now=112.9)] == ["crashes-on-offer"]
    assert [*sentences(here, now=113.0)] == []


def test_goodbye_of_one_who_is_here_again_is_past() -> None:
    here = room("node", "gcom")
    here.ended(here.peers["node"], "goodbye", 101.0)
    here.ended(here.peers.pop("gcom"), "goodbye", 102.0)
    text = "node is alone in drone-1: gcom left 8 s ago (goodbye)."
    assert sentences(here, now=106.9) == {}  # it may be on its way back
    assert sentences(here, now=110.0) == {"alone": text}
    here.memory.seen.pop("gcom")
    assert sentences(here, now=110.0) == {
        "alone": "node is alone in drone-1: nobody else has joined it."
    }


def test_refused_clients_are_said_of_the_room_unless_a_pair_says_it() -> None:
    here = room("node", "gcom")
    refused = {"spy": Finding("refused", "the spy is refused")}
    assert here.report([], 101.0, refused).diagnosis == [refused["spy"]]
    here.make_pair(here.peers["node"], here.peers["gcom"])
    stalled = {"node": Finding("refused", "node is refused", side="node")}
    report = here.report([], 120.0, stalled)
    assert report.diagnosis == []
    assert [finding.text for finding in report.pairs[0].diagnosis] == ["node is refused"]
