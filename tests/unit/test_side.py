from __future__ import annotations

from sdps import candidate, sdp
from signaling_server.core.insight.sdp import (
    MAX_CANDIDATES,
    Candidate,
    parse_candidate,
    parse_description,
)
from signaling_server.core.insight.side import RESTART_WINDOW, Side
from signaling_server.core.protocol.rtc_report import ConnectionReport

HOST = Candidate("host", "private", "10.0.0.0/24")


def test_candidates_of_an_ice_session_count_for_it_alone() -> None:
    side = Side("gcom")
    early = parse_candidate(candidate("10.0.0.1"))
    assert early
    side.add_candidate(early, 1.0)
    assert side.describe("answer", parse_description(sdp(ufrag="one")), 2.0)
    assert side.candidates == [early]
    foreign = parse_candidate(candidate("10.0.0.2", more="ufrag two"))
    assert foreign
    side.add_candidate(foreign, 3.0)
    lines = [candidate("10.0.0.3")]
    assert side.describe("answer", parse_description(sdp(ufrag="two", candidates=lines)), 4.0)
    assert [each.ufrag for each in side.candidates] == ["two", ""]
    assert not side.describe("answer", parse_description(sdp(ufrag="two")), 5.0)
    assert (side.candidate_count, side.first_candidate, side.last_candidate) == (2, 4.0, 4.0)


def test_new_ice_session_ends_a_failure_and_counts_as_a_restart() -> None:
    side = Side("gcom")
    assert side.state == ""
    for number, at in enumerate((1.0, 2.0, 2.0 + RESTART_WINDOW)):
        side.report = ConnectionReport("connected" if number == 2 else "failed", {})
        side.describe("offer", parse_description(sdp(ufrag=f"u{number}")), at)
    assert side.restarts == [2.0 + RESTART_WINDOW]
    assert side.state == "connected"  # it is no failure
    side.report = ConnectionReport("failed", {})
    side.describe("offer", parse_description(sdp(ufrag="again")), 3.0 + RESTART_WINDOW)
    assert side.state == ""


def test_candidates_are_counted_and_the_first_are_kept() -> None:
    side = Side("gcom")
    for _ in range(MAX_CANDIDATES + 1):
        side.add_candidate(HOST, 1.0)
    assert (len(side.candidates), side.candidate_count) == (MAX_CANDIDATES, MAX_CANDIDATES + 1)
