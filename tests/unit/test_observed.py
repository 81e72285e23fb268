from __future__ import annotations

import json
from typing import Any

from sdps import candidate, sdp
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import MAX_HELD, Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.sdp import parse_candidate, parse_description
from signaling_server.core.protocol.claims import MAX_TAKEOVERS, TAKEOVER_WINDOW
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


def sentences(of: ObservedRoom, *elsewhere: str, now: float = 100.0) -> dict[str, str]:
    found = of.as_json(list(elsewhere), now)["diagnosis"]
    return {finding["code"]: finding["text"] for finding in found}


def test_a_peer_and_since_when_it_is_here() -> None:
    assert room("gcom").as_json([], 112.34)["peers"] == [
        {
            "peer_id": "gcom",
            "address": "10.0.0.1",
            "transport": "websocket",
            "away": False,
            "connected_for": 12.3,
        }
    ]


def test_two_are_company() -> None:
    found = room("node", "gcom").as_json([], 100.0)
    assert (found["room"], found["diagnosis"], found["unread"]) == ("drone-1", [], 0)


def test_one_is_alone_and_perhaps_another_elsewhere() -> None:
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
    drops = "today's Streaming Node drops its call then."
    assert sentences(crowd) == {"crowded": f"A third peer joined, laptop: {drops}"}
    crowd.peers["phone"] = peer("phone")
    assert sentences(crowd) == {"crowded": f"A fourth peer joined, phone: {drops}"}
    crowd.peers["tablet"] = peer("tablet")
    assert sentences(crowd) == {"crowded": f"Peer number 5 joined, tablet: {drops}"}
    crowd.expected = 5
    assert sentences(crowd) == {}


def test_a_name_that_is_taken_over_and_over_is_used_twice() -> None:
    crowd = room("node", "gcom")
    for number in range(MAX_TAKEOVERS):
        assert sentences(crowd) == {}
        crowd.peers["gcom"].contest(Contest(100.0 + number, ("10.0.0.1", "10.0.0.9")))
    told = {"name-in-use": "Two machines use the name gcom: 10.0.0.1 and 10.0.0.9."}
    assert sentences(crowd, now=100.0 + MAX_TAKEOVERS) == told
    assert sentences(crowd, now=100.0 + TAKEOVER_WINDOW) == {}


def test_a_refusal_is_enough_to_tell_that_a_name_is_used_twice() -> None:
    crowd = room("node", "gcom")
    crowd.peers["gcom"].contest(Contest(100.0, ("10.0.0.1",), refused=True))
    assert sentences(crowd) == {"name-in-use": "Two programs at 10.0.0.1 use the name gcom."}


def test_takeovers_of_long_ago_are_forgotten_and_of_many_the_last_are_kept() -> None:
    gcom = peer("gcom")
    gcom.contest(Contest(100.0, ()))
    for number in range(MAX_TAKEOVERS * 2):
        gcom.contest(Contest(100.0 + TAKEOVER_WINDOW + number, ()))
    assert len(gcom.contests) == MAX_TAKEOVERS
    assert gcom.contests[0].at == 100.0 + TAKEOVER_WINDOW + MAX_TAKEOVERS


def test_what_is_remembered_of_held_signals_is_bounded() -> None:
    gcom = peer("gcom")
    gcom.held.extend([("ice-candidate", None)] * (MAX_HELD * 2))
    assert len(gcom.held) == MAX_HELD


# --- pairs ----------------------------------------------------------------------------------------


def pair_of(of: ObservedRoom, one: str, other: str, since: float = 100.0) -> Pair:
    pair = of.pairs[frozenset((one, other))] = Pair(one, other, since)
    return pair


def stages(found: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (stage["stage"], stage["by"]): (stage["after"], stage["ago"]) for stage in found["stages"]
    }


def test_a_pair_that_has_not_begun_shows_what_is_to_come() -> None:
    here = room("node", "gcom")
    pair_of(here, "node", "gcom")
    (found,) = here.as_json([], 101.0)["pairs"]
    assert (found["peers"], found["state"]) == (["node", "gcom"], "waiting")
    assert stages(found) == {
        ("both-here", ""): (0.0, 1.0),
        ("offer", ""): (None, None),
        ("answer", ""): (None, None),
        ("candidates", "node"): (None, None),
        ("candidates", "gcom"): (None, None),
        ("connected", ""): (None, None),
    }


def test_a_pair_that_connects_shows_each_stage_with_its_time() -> None:
    here = room("node", "gcom")
    pair = pair_of(here, "node", "gcom")
    pair.offered("node", parse_description(sdp(direction="sendonly", ufrag="n")), 100.25)
    pair.answered("gcom", parse_description(sdp("recvonly", setup="active", ufrag="g")), 101.0)
    for address in ("10.0.0.2", "10.0.0.3", "x.local"):
        pair.sent_candidate("gcom", parse_candidate(candidate(address)), 101.5)
    pair.sent_candidate("gcom", None, 102.0)
    candidates = {"local": {"type": "host"}}
    pair.reported("gcom", ConnectionReport("connected", candidates), 103.0)
    pair.reported("node", ConnectionReport("connected", {}), 103.5)
    (found,) = here.as_json([], 104.0)["pairs"]
    assert (found["state"], found["diagnosis"], found["last_activity"]) == ("connected", [], 2.0)
    assert stages(found) == {
        ("both-here", ""): (0.0, 4.0),
        ("offer", "node"): (0.25, 3.8),
        ("answer", "gcom"): (1.0, 3.0),
        ("candidates", "node"): (None, None),
        ("candidates", "gcom"): (1.5, 2.5),
        ("connected", ""): (3.0, 1.0),
    }
    *_, trickled, connected = found["stages"]
    assert trickled["count"] == 3
    assert trickled["kinds"] == {"host private": 2, "host mdns": 1}
    assert trickled["last_ago"] == 2.5
    assert trickled["complete"]
    assert connected["reports"] == {"gcom": "connected", "node": "connected"}
    assert connected["candidate_pairs"] == {"gcom": candidates}
    json.dumps(found, allow_nan=False)


def test_a_pair_that_was_connected_is_so_no_more_when_a_peer_says_so() -> None:
    here = room("node", "gcom")
    pair = pair_of(here, "node", "gcom")
    pair.reported("node", ConnectionReport("connected", {}), 101.0)
    pair.reported("gcom", ConnectionReport("failed", {}), 102.0)
    (found,) = here.as_json([], 103.0)["pairs"]
    assert stages(found)["connected", ""] == (None, None)
    assert found["diagnosis"][0] == {
        "code": "reported-failed",
        "text": "gcom reports that its connection is failed.",
        "peers": ["gcom"],
    }


def test_of_three_peers_those_who_do_not_call_each_other_are_not_blamed() -> None:
    here = room("node", "gcom", "laptop")
    quiet = pair_of(here, "gcom", "laptop")
    calling = pair_of(here, "node", "gcom")
    codes = [finding["code"] for finding in here.as_json([], 110.0)["pairs"][0]["diagnosis"]]
    assert codes == ["no-offer"]
    calling.offered("node", parse_description(sdp()), 101.0)
    found = here.as_json([], 110.0)["pairs"][0]
    assert found["peers"] == list(quiet.sides)
    assert (found["state"], found["diagnosis"]) == ("waiting", [])
