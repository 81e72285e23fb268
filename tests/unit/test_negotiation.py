from __future__ import annotations

from typing import Any

import pytest

from sdps import candidate, sdp
from signaling_server.core.insight.negotiation import MAX_OPEN, NONE_YET, Pair
from signaling_server.core.insight.roles import NODE, UNKNOWN, VIEWER
from signaling_server.core.insight.sdp import (
    MAX_CANDIDATES,
    Candidate,
    Description,
    parse_candidate,
    parse_description,
)
from signaling_server.core.insight.side import RESTART_WINDOW, Side
from signaling_server.core.protocol.rtc_report import ConnectionReport

HOST = Candidate("host", "private", "10.0.0.0/24")


def node_and_gcom() -> Pair:
    return Pair("node", "gcom", 100.0)


def description(**fields: Any) -> Description:
    return parse_description(sdp(**fields))


def line(more: str = "") -> Candidate:
    found = parse_candidate(candidate("10.0.0.1", more=more))
    assert found
    return found


def report(state: str) -> ConnectionReport:
    return ConnectionReport(state, {})


def test_offer_and_its_answer() -> None:
    pair = node_and_gcom()
    offer, answer = description(ufrag="node"), description(ufrag="gcom")
    pair.offered("node", offer, 101.0)
    assert (pair.offerer, pair.offered_at, pair.answered_at) == ("node", 101.0, None)
    assert pair.answered("gcom", answer, 102.5) == 2.5
    assert (pair.answered_at, pair.last_activity) == (102.5, 102.5)
    assert pair.exchange == ("node", offer, "gcom", answer)
    assert pair.exchange.peers == ("node", "gcom")
    assert not pair.late_answer


def test_only_the_first_answer_is_the_handshake() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(), 101.0)
    pair.answered("gcom", description(), 102.0)
    pair.offered("node", description(origin="1 2"), 201.0)
    assert pair.answered_at is None
    assert pair.answered("gcom", description(), 202.0) is None
    assert pair.answered_at == 202.0


def test_answer_without_an_offer_is_no_exchange() -> None:
    pair = node_and_gcom()
    assert pair.answered("gcom", description(), 101.0) is None
    assert pair.exchange is NONE_YET
    assert pair.answered_at is None


def test_same_offer_sent_again_is_one_offer() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(), 101.0)
    pair.offered("node", description(), 105.0)
    assert [offer.at for offer in pair.sides["node"].open_offers] == [101.0]
    assert pair.last_activity == 105.0


def test_offers_without_an_origin_count_each() -> None:
    pair = node_and_gcom()
    pair.offered("node", Description(), 101.0)
    pair.offered("node", Description(), 102.0)
    assert len(pair.sides["node"].open_offers) == 2


def test_answer_after_a_second_offer_belongs_to_the_first() -> None:
    pair = node_and_gcom()
    first, second = description(), description(origin="2 1", ufrag="efgh")
    pair.offered("node", first, 101.0)
    pair.offered("node", second, 102.0)
    pair.answered("gcom", description(), 102.1)
    assert pair.late_answer
    assert pair.answered_at is None
    assert pair.exchange.offer == first
    pair.answered("gcom", description(), 102.2)
    assert not pair.late_answer
    assert pair.exchange.offer == second


def test_answer_that_matches_only_the_second_offer_belongs_to_it() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(mid="0"), 101.0)
    pair.offered("node", description(mid="1", origin="2 1"), 102.0)
    pair.answered("gcom", description(mid="1"), 102.1)
    assert not pair.late_answer
    assert pair.answered_at == 102.1


def test_first_and_newest_open_offers_are_kept() -> None:
    pair = node_and_gcom()
    for number in range(20):
        pair.offered("node", description(origin=f"1 {number}"), 100.0 + number)
    times = [offer.at for offer in pair.sides["node"].open_offers]
    assert times == [100.0, 117.0, 118.0, 119.0]
    assert len(times) == MAX_OPEN


def test_glare_ends_when_one_side_answers() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(), 101.0)
    assert not pair.glare
    pair.offered("gcom", description(), 101.1)
    assert pair.glare
    assert pair.offerer == "gcom"
    pair.answered("gcom", description(), 101.2)
    assert not pair.glare
    assert pair.sides["gcom"].open_offers == []
    assert pair.offerer == "node"


def test_candidates_of_the_description_and_those_that_trickle() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(candidates=[candidate("10.0.0.1")]), 101.0)
    pair.sent_candidate("node", HOST, 103.0)
    side = pair.sides["node"]
    assert side.candidates == [HOST, HOST]
    assert (side.first_candidate, side.last_candidate) == (101.0, 103.0)
    assert not side.complete
    pair.sent_candidate("node", None, 104.0)
    assert side.complete
    assert side.candidate_count == 2


def test_description_can_say_that_it_has_all_candidates() -> None:
    pair = node_and_gcom()
    pair.offered("node", description()._replace(complete=True), 101.0)
    assert pair.sides["node"].complete


def test_first_candidates_are_kept_and_all_are_counted() -> None:
    pair = node_and_gcom()
    for _ in range(MAX_CANDIDATES + 5):
        pair.sent_candidate("gcom", HOST, 101.0)
    assert len(pair.sides["gcom"].candidates) == MAX_CANDIDATES
    assert pair.sides["gcom"].candidate_count == MAX_CANDIDATES + 5


def test_candidates_that_overtake_the_first_description_belong_to_it() -> None:
    pair = node_and_gcom()
    pair.sent_candidate("gcom", HOST, 101.0)
    pair.answered("gcom", description(ufrag="gcom"), 102.0)
    assert pair.sides["gcom"].candidates == [HOST]


def test_new_ice_session_has_candidates_of_its_own() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(ufrag="old"), 101.0)
    pair.sent_candidate("node", None, 101.0)
    for more in ("", "ufrag old", "ufrag new"):
        pair.sent_candidate("node", line(more), 102.0)
    pair.offered("node", description(ufrag="new", origin="1 2"), 103.0)
    side = pair.sides["node"]
    assert side.candidates == [line("ufrag new")]
    assert side.candidate_count == 1
    assert not side.complete
    assert side.restarts == [103.0]


def test_renegotiation_of_the_same_ice_session_keeps_its_candidates() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(), 101.0)
    pair.sent_candidate("node", HOST, 102.0)
    pair.offered("node", description(origin="1 2"), 103.0)
    assert pair.sides["node"].candidates == [HOST]
    assert pair.sides["node"].restarts == []


def test_restarts_are_forgotten_after_a_minute() -> None:
    pair = node_and_gcom()
    for number, at in enumerate((100.0, 101.0, 101.0 + RESTART_WINDOW)):
        pair.offered("node", description(ufrag=f"u{number}"), at)
    assert pair.sides["node"].restarts == [101.0 + RESTART_WINDOW]


def test_pair_is_connected_if_one_peer_says_so_and_none_denies_it() -> None:
    pair = node_and_gcom()
    assert not pair.reports
    pair.reported("node", report("connecting"), 101.0)
    assert pair.reports
    assert not pair.connected
    pair.reported("node", report("connected"), 102.0)
    pair.reported("gcom", report("connected"), 103.0)
    assert pair.connected
    assert pair.connected_at == 102.0
    pair.reported("gcom", report("failed"), 104.0)
    assert not pair.connected
    pair.reported("gcom", report("connected"), 105.0)
    assert pair.connected_at == 105.0


def test_failure_is_over_when_a_new_ice_session_starts() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(ufrag="old"), 101.0)
    pair.reported("node", report("failed"), 102.0)
    pair.offered("node", description(ufrag="new"), 103.0)
    assert pair.sides["node"].state == ""
    assert pair.reports


def test_established_connection_outlives_an_ice_restart() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(ufrag="old"), 101.0)
    pair.reported("node", report("connected"), 102.0)
    pair.offered("node", description(ufrag="new"), 103.0)
    assert pair.connected


@pytest.mark.parametrize(
    ("kinds", "call", "caller"),
    [
        ((NODE, VIEWER), True, "node"),
        ((VIEWER, VIEWER), False, None),
        ((NODE, NODE), False, None),
        ((UNKNOWN, UNKNOWN), True, None),
        ((VIEWER, UNKNOWN), True, None),
        ((UNKNOWN, NODE), True, "gcom"),
    ],
)
def test_two_are_a_call_if_one_should_offer_or_their_parts_are_unknown(
    kinds: tuple[str, str], call: bool, caller: str | None
) -> None:
    pair = Pair(Side("node", kinds[0]), Side("gcom", kinds[1]), 100.0)
    assert pair.is_call == call
    assert (pair.caller.peer_id if pair.caller else None) == caller
    pair.offered("node", description(), 101.0)
    assert pair.is_call


@pytest.mark.parametrize(
    ("kinds", "unknown"),
    [
        ((VIEWER, VIEWER), False),
        ((NODE, NODE), False),
        ((NODE, VIEWER), True),
        ((UNKNOWN, UNKNOWN), True),
        ((UNKNOWN, VIEWER), True),
    ],
)
def test_two_gcoms_that_come_back_have_no_call_to_come_back_to(
    kinds: tuple[str, str], unknown: bool
) -> None:
    pair = Pair(Side("one", kinds[0]), Side("other", kinds[1]), 100.0, standing=True)
    assert pair.unknown is unknown
    assert pair.is_call is unknown


def test_call_that_may_stand_is_unknown_until_something_is_heard_of_it() -> None:
    pair = Pair("node", "gcom", 100.0, standing=True)
    assert pair.unknown
    assert pair.is_call
    pair.reported("node", report("connecting"), 101.0)
    assert not pair.unknown


def frames(at_a_second: float = 30.0) -> ConnectionReport:
    return ConnectionReport("connected", {}, "", {"frames_per_second": at_a_second})


def test_first_frame_is_that_of_the_one_who_answers_or_watches() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(), 101.0)
    pair.answered("gcom", description(), 101.5)
    assert pair.reported("node", frames(), 102.0) is None
    assert pair.reported("gcom", frames(0.0), 102.0) is None
    assert pair.reported("gcom", frames(), 104.0) == 4.0
    assert pair.reported("gcom", frames(), 106.0) is None
    assert pair.first_frame == 4.0
    pair.reported("gcom", report("failed"), 107.0)
    assert pair.reported("gcom", frames(), 109.0) is None  # of the second call
    assert pair.first_frame == 4.0


@pytest.mark.parametrize(
    ("kinds", "watches"),
    [
        ((NODE, VIEWER), True),
        ((UNKNOWN, VIEWER), True),
        ((NODE, UNKNOWN), True),
        ((VIEWER, NODE), False),
        ((UNKNOWN, UNKNOWN), False),
    ],
)
def test_who_watches_is_known_by_the_kind(kinds: tuple[str, str], watches: bool) -> None:
    pair = Pair(Side("node", kinds[0]), Side("gcom", kinds[1]), 100.0)
    assert pair.receives(pair.sides["gcom"]) == watches


def test_first_frame_of_a_call_that_stood_before_is_not_measured() -> None:
    pair = Pair("node", Side("gcom", VIEWER), 100.0, standing=True)
    assert pair.reported("gcom", frames(), 101.0) is None
    assert pair.first_frame is None


def test_other_side_of_a_broken_call_is_not_believed_until_it_takes_the_new_offer() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(ufrag="a"), 101.0)
    pair.answered("gcom", description(ufrag="b"), 101.5)
    for name in ("node", "gcom"):
        pair.reported(name, report("connected"), 102.0)
    pair.reported("node", report("failed"), 110.0)
    pair.offered("node", description(ufrag="c", origin="2 1"), 111.0)
    assert not pair.connected
    pair.reported("gcom", report("connected"), 112.0)
    assert not pair.connected
    pair.answered("gcom", description(ufrag="d"), 113.0)
    pair.reported("gcom", report("connected"), 114.0)
    assert pair.connected
    assert pair.attempt.offers == 0


def test_answer_within_an_established_call_is_no_try_to_connect() -> None:
    pair = node_and_gcom()
    pair.offered("node", description(ufrag="a"), 101.0)
    pair.reported("gcom", report("connected"), 102.0)
    pair.answered("gcom", description(ufrag="b"), 103.0)
    assert pair.attempt.answers == 0
