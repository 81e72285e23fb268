from __future__ import annotations

from sdps import candidate, sdp
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.reports import (
    CandidatesSent,
    Connected,
    Measured,
    Stage,
    report_pair,
)
from signaling_server.core.insight.roles import VIEWER
from signaling_server.core.insight.sdp import parse_candidate, parse_description
from signaling_server.core.insight.side import Side
from signaling_server.core.protocol.rtc_report import ConnectionReport


def test_pair_that_has_not_begun_has_one_stage() -> None:
    report = report_pair(Pair("node", "gcom", 100.0), False, 101.0)
    assert (report.peers, report.state) == (["node", "gcom"], "waiting")
    assert report.stages == [Stage("both-here", 100.0)]


def test_pair_that_connects_has_each_stage_with_its_time() -> None:
    pair = Pair("node", "gcom", 100.0)
    pair.offered("node", parse_description(sdp(direction="sendonly", ufrag="n")), 100.25)
    pair.answered("gcom", parse_description(sdp("recvonly", setup="active", ufrag="g")), 101.0)
    for address in ("10.0.0.2", "10.0.0.3", "x.local"):
        pair.sent_candidate("gcom", parse_candidate(candidate(address)), 101.5)
    pair.sent_candidate("gcom", None, 102.0)
    ends = {"local": {"type": "host"}}
    pair.reported("gcom", ConnectionReport("connected", ends), 103.0)
    pair.reported("node", ConnectionReport("connected", {}), 103.5)
    report = report_pair(pair, True, 104.0)
    assert (report.state, report.diagnosis, report.last_activity) == ("connected", [], 102.0)
    kinds = {"host private": 2, "host mdns": 1}
    states = {"node": "connected", "gcom": "connected"}
    assert report.stages == [
        Stage("both-here", 100.0),
        Stage("offer", 100.25, "node"),
        Stage("answer", 101.0, "gcom"),
        Stage("candidates", 101.5, "gcom", CandidatesSent(3, kinds, 101.5, complete=True)),
        Stage("connected", 103.0, details=Connected(states, {"gcom": ends})),
    ]


def test_pair_is_no_longer_connected_when_a_peer_says_so() -> None:
    pair = Pair("node", "gcom", 100.0)
    pair.reported("node", ConnectionReport("connected", {}), 101.0)
    pair.reported("gcom", ConnectionReport("failed", {}), 102.0)
    report = report_pair(pair, True, 103.0)
    assert [stage.name for stage in report.stages] == ["both-here"]
    assert [(finding.code, finding.peers) for finding in report.diagnosis] == [
        ("reported-failed", ("gcom",))
    ]


def test_pair_that_need_not_call_is_not_blamed_for_it() -> None:
    pair = Pair("node", "gcom", 100.0)
    assert [finding.code for finding in report_pair(pair, False, 110.0).diagnosis] == ["no-offer"]
    assert report_pair(pair, True, 110.0).diagnosis == []


def test_pair_says_what_each_side_has_and_measures() -> None:
    pair = Pair("node", "gcom", 100.0)
    pair.offered("node", parse_description(sdp()), 100.5)
    pair.sent_candidate("node", parse_candidate(candidate("10.0.0.2")), 101.0)
    stats = {"bitrate_kbps": 900.0}
    pair.reported("gcom", ConnectionReport("connected", {}, "node", stats), 103.0)
    report = report_pair(pair, True, 104.0)
    assert report.candidate_kinds == {"node": {"host private": 1}, "gcom": {}}
    assert report.stats == {"gcom": Measured(stats, 103.0)}
    assert (report.path, report.first_frame) == (None, None)


def test_pair_that_is_no_call_has_no_stages() -> None:
    pair = Pair(Side("gcom", VIEWER), Side("gcom-2", VIEWER), 100.0)
    assert report_pair(pair, False, 110.0).stages == []


def test_refused_signals_explain_a_missing_offer_or_answer_and_nothing_else() -> None:
    refused = {"node": Finding("refused", "it is refused", ("node",), side="node")}
    pair = Pair("node", "gcom", 100.0)
    (finding,) = report_pair(pair, False, 110.0, refused).diagnosis
    assert (finding.text, finding.stalls) == ("it is refused", True)
    pair.offered("node", parse_description(sdp()), 111.0)
    (finding,) = report_pair(pair, True, 120.0, refused).diagnosis
    assert finding.code == "no-answer"  # that is gcom's
    pair.offered("node", parse_description("x"), 121.0)
    (finding,) = report_pair(pair, True, 122.0, refused).diagnosis
    assert finding.code == "unreadable-sdp"
