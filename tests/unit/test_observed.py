from __future__ import annotations

import pytest

from sdps import sdp
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import MAX_HELD, Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.sdp import parse_description
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined


def peer(name: str, at: float = 100.0, address: str = "10.0.0.1") -> ObservedPeer:
    return ObservedPeer(
        PeerJoined(f"sid-{name}", name, "drone-1", address, "websocket", False), [], at
    )


def room(*names: str) -> ObservedRoom:
    made = ObservedRoom("drone-1")
    for name in names:
        made.peers[name] = peer(name)
    return made


def sentences(of: ObservedRoom, *elsewhere: str, now: float = 100.0) -> dict[str, str]:
    findings = of.report(list(elsewhere), now).diagnosis
    return {finding.code: finding.text for finding in findings}


def test_room_knows_since_when_each_peer_is_here() -> None:
    here = room("node")
    here.peers["gcom"] = peer("gcom", at=112.5)
    report = here.report([], 120.0)
    assert (report.name, dict(report.peers)) == ("drone-1", {"node": 100.0, "gcom": 112.5})


def test_two_peers_are_fine() -> None:
    assert room("node", "gcom").report([], 100.0).diagnosis == []


def test_lonely_peer_hears_of_another_one_elsewhere() -> None:
    alone = room("node")
    assert sentences(alone) == {
        "alone": "node is alone in room drone-1: nobody else has joined it."
    }
    assert sentences(alone, "gcom in room drone-2") == {
        "alone": "node is alone in room drone-1, and so is gcom in room drone-2."
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
