from __future__ import annotations

from sdps import sdp
from signaling_server.core.insight import presence
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.observed import Contest, ObservedPeer, ObservedRoom
from signaling_server.core.insight.sdp import parse_description
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined
from signaling_server.core.protocol.rtc_report import ConnectionReport


def peer(name: str, session: str | None = None) -> ObservedPeer:
    fact = PeerJoined("sid", name, "room", "10.0.0.1", "websocket", False, None, session)
    return ObservedPeer(fact, [], 100.0)


def room(*names: str, session: str | None = None) -> ObservedRoom:
    made = ObservedRoom("drone-1")
    for name in names:
        made.peers[name] = peer(name, session)
    return made


def test_peer_that_is_away_is_named_with_how_long_it_was_in_a_call() -> None:
    node, gcom = peer("node"), peer("gcom")
    node.away_since, node.reason = 160.0, "ping-timeout"
    pair = Pair("node", "gcom", 100.0)
    here = "node lost its connection to this server 5 s ago (ping-timeout), last at 10.0.0.1"
    (finding,) = presence.away([node, gcom], [pair, Pair("gcom", "x", 100.0)], 165.0)
    assert finding.text == f"{here}; it may come back. A call that stands goes on."
    assert finding.severity == "note"
    pair.reported("gcom", ConnectionReport("connected", {}), 110.0)
    (finding,) = presence.away([node, gcom], [pair], 165.0)
    assert finding.text.startswith(f"{here}, after 50 s in a call;")


def test_two_gcoms_wait_for_a_node() -> None:
    both = [peer("gcom"), peer("gcom-2")]
    assert [*presence.without_node(both, [], 104.9)] == []
    (finding,) = presence.without_node(both, [], 105.0)
    assert finding.text == "gcom and gcom-2 wait for a Streaming Node: none has joined."
    assert [*presence.without_node([*both, peer("node")], [], 105.0)] == []
    assert [*presence.without_node(both[:1], [], 105.0)] == []
    call = Pair("gcom", "gcom-2", 100.0)
    call.offered("gcom", parse_description(sdp()), 101.0)
    assert [*presence.without_node(both, [call], 105.0)] == []


def test_more_peers_than_are_expected() -> None:
    crowd = room("node", "gcom", "laptop")
    assert [*presence.crowded(crowd)] == []
    crowd.expected = 2
    drops = "existing Streaming Nodes then drop their call."
    (finding,) = presence.crowded(crowd)
    assert finding.text == f"A third peer has joined (laptop): {drops}"
    crowd.peers["phone"] = peer("phone")
    assert [one.text for one in presence.crowded(crowd)] == [
        f"A fourth peer has joined (phone): {drops}"
    ]
    crowd.peers["tablet"] = peer("tablet")
    assert [one.text for one in presence.crowded(crowd)] == [
        f"Peer number 5 has joined (tablet): {drops}"
    ]
    crowd.expected = 5
    assert [*presence.crowded(crowd)] == []


def test_node_with_a_session_calls_each_peer_on_its_own() -> None:
    crowd = room("node", session="hash")
    crowd.peers.update(room("gcom", "laptop").peers)
    crowd.expected = 2
    assert [*presence.crowded(crowd)] == []
    unknown = room("a", "b", "c", session="hash")
    unknown.expected = 2
    assert [*presence.crowded(unknown)] == []
    call = Pair("laptop", "gcom", 100.0)
    call.offered("laptop", parse_description(sdp()), 101.0)
    crowd.pairs[frozenset(("laptop", "gcom"))] = call  # one without a session calls, too
    assert len([*presence.crowded(crowd)]) == 1


def test_name_that_changes_hands_often_is_used_twice() -> None:
    gcom = peer("gcom")
    for number in range(MAX_TAKEOVERS):
        assert [*presence.names([gcom], 100.0)] == []
        gcom.contest(Contest(100.0 + number, ("10.0.0.1", "10.0.0.9")))
    (finding,) = presence.names([gcom], 100.0 + MAX_TAKEOVERS)
    assert finding.text == "Two machines use the name gcom: 10.0.0.1 and 10.0.0.9."
    assert [*presence.names([gcom], 100.0 + TAKEOVER_WINDOW)] == []


def test_one_refusal_shows_that_a_name_is_used_twice() -> None:
    gcom = peer("gcom")
    gcom.contest(Contest(100.0, ("10.0.0.1",), refused=True))
    (finding,) = presence.names([gcom], 100.0)
    assert finding.text == "Two programs at 10.0.0.1 use the name gcom."
