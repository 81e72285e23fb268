from __future__ import annotations

import pytest

from calls import NAMES, Call
from sdps import candidate
from signaling_server.core.insight import path_rules as rules
from signaling_server.core.insight.sdp import parse_candidate


def failing(node: str = "10.0.0.1", gcom: str = "10.0.0.2") -> Call:
    """A call whose node has reported for 8 s that it is connecting."""
    call = Call()
    call.negotiate(node, gcom)
    call.report("streaming-node", "connecting")
    call.now += 8.0
    return call


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "actpass"), ("active", "active"), ("passive", "passive"), ("actpass", "holdconn")],
)
def test_dtls_roles_that_do_not_match(offered: str, answered: str) -> None:
    call = Call()
    call.offer(setup=offered)
    call.answer(setup=answered)
    assert call.texts(rules.dtls_roles) == [
        f"The DTLS roles do not match: streaming-node is {offered}, gcom is {answered}."
    ]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "active"), ("actpass", "passive"), ("active", "passive"), ("actpass", "")],
)
def test_dtls_roles_that_match_or_are_unknown(offered: str, answered: str) -> None:
    call = Call()
    call.offer(setup=offered)
    call.answer(setup=answered)
    assert call.texts(rules.dtls_roles) == []


def test_dtls_roles_of_a_refused_section_are_not_judged() -> None:
    call = Call()
    call.offer(setup="actpass")
    call.answer(setup="actpass", port=0)
    assert call.texts(rules.dtls_roles) == []


def test_peer_without_candidates() -> None:
    call = Call()
    call.offer()
    call.answer(candidates=[candidate("10.0.0.2")])
    assert call.found(rules.no_candidates, wait=9.9) == []
    (finding,) = call.found(rules.no_candidates, wait=0.1)
    assert finding.text == "streaming-node has sent no candidates within 10 s."
    assert (finding.side, finding.stalls) == ("streaming-node", False)
    call.report("gcom", "connecting")
    assert call.found(rules.no_candidates)[0].stalls


# --- how it is known that a path is missing -------------------------------------------------------


def test_call_that_nobody_reports_on_is_not_judged() -> None:
    call = Call()
    call.negotiate("10.0.0.1", "10.0.0.2")
    call.now += 1000.0
    assert call.texts(rules.not_connected) == []
    assert not rules.failing(call.pair, call.now)


def test_offer_and_answer_but_no_connection_after_eight_seconds() -> None:
    call = failing("10.0.0.1", "203.0.113.5")
    assert not rules.failing(call.pair, call.now - 0.1)
    assert call.texts(rules.not_connected) == [
        "Offer and answer passed 8 s ago, but the peers are not connected (streaming-node has "
        "host private; gcom has host public)."
    ]


def test_failure_is_known_as_soon_as_a_peer_reports_it() -> None:
    call = Call()
    call.negotiate("10.0.0.1", "10.0.0.2")
    call.report("gcom", "failed")
    assert rules.failing(call.pair, call.now)


def test_redials_do_not_hide_that_all_calls_fail() -> None:
    call = Call()
    for number in range(3):
        call.report("streaming-node", "connecting")
        call.negotiate("10.0.0.1", "203.0.113.5", ufrag=f"u{number}", origin=f"1 {number}")
        call.now += 10.0
    assert call.texts(rules.not_connected) == [
        "streaming-node has offered 3 times in 30 s, gcom has answered, and they have not "
        "connected: packets do not get through (streaming-node has host private; gcom has host "
        "public)."
    ]


def test_redials_alone_say_that_calls_fail() -> None:
    call = Call()
    for number in range(3):
        assert not rules.failing(call.pair, call.now)
        call.negotiate("10.0.0.1", "203.0.113.5", ufrag=f"u{number}", origin=f"1 {number}")
        call.now += 10.0
    assert rules.failing(call.pair, call.now)


def test_call_that_broke_and_is_started_again() -> None:
    call = Call()
    call.connect()
    call.report("streaming-node", "failed")
    assert call.texts(rules.not_connected) == []  # the report itself says more
    call.now += 4.0
    call.offer(ufrag="again", origin="2 1")
    assert call.texts(rules.not_connected) == [
        "The call between streaming-node and gcom broke 4 s ago; 1 new offer since."
    ]
    call.report("gcom", "connected")  # it has not noticed yet
    assert call.texts(rules.not_connected) != []
    call.answer(ufrag="new", origin="2 1")
    call.report("gcom", "connected")
    assert call.texts(rules.not_connected) == []


def test_peer_without_any_candidate_is_said_to_have_none() -> None:
    call = Call()
    call.offer()
    call.answer()
    call.report("gcom", "connecting")
    (text,) = call.texts(rules.not_connected, wait=8.0)
    assert "gcom has no candidates" in text


# --- why it is missing ----------------------------------------------------------------------------


def test_mdns_names_matter_only_between_networks_and_only_if_nothing_connects() -> None:
    call = Call()
    call.negotiate("10.0.0.1", "x.local")
    assert call.texts(rules.mdns_only) == []
    call.report("gcom", "failed")
    (finding,) = call.found(rules.mdns_only)
    assert finding.text == (
        "All candidates from gcom are mDNS names, which streaming-node cannot resolve from "
        "another network."
    )
    assert (finding.side, finding.stalls) == ("gcom", True)
    call.candidates("gcom", candidate("203.0.113.7", "srflx"))
    assert call.texts(rules.mdns_only) == []


@pytest.mark.parametrize(
    ("node", "gcom", "near"),
    [
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "10.0.0.9", True),
        ("fd00::1", "fd00::2", True),
        ("10.0.0.5", "10.0.1.9", False),
        ("10.0.0.5", "fd00::2", False),
        ("", "", False),
    ],
)
def test_mdns_names_resolve_within_a_subnet(node: str, gcom: str, near: bool) -> None:
    call = failing("10.0.0.1", "x.local")
    for name, address in zip(NAMES, (node, gcom)):
        call.pair.sides[name].address = address
    assert bool(call.texts(rules.mdns_only)) != near


def test_private_addresses_in_different_subnets() -> None:
    call = Call()
    call.negotiate("10.1.2.3", "192.168.1.5")
    call.candidates("gcom", candidate("127.0.0.1"), candidate("fe80::1"))
    (finding,) = call.found(rules.needs_turn)
    text = (
        "streaming-node and gcom have private addresses in different subnets and no relay candidate"
    )
    route = "unless there is a route between the subnets, they need a TURN server."
    assert (finding.text, finding.severity) == (f"{text}: {route}", "note")
    call.report("gcom", "connecting")
    (finding,) = call.found(rules.needs_turn, wait=8.0)
    assert (finding.text, finding.severity) == (f"{text}: they need a TURN server.", "alarm")


@pytest.mark.parametrize(
    "lines",
    [
        [candidate("10.1.2.200")],
        [candidate("192.168.1.5"), candidate("10.1.2.200")],
        [candidate("192.168.1.5"), candidate("203.0.113.7", "srflx")],
        [candidate("192.168.1.5"), candidate("10.9.9.9", "relay")],
        [candidate("192.168.1.5"), candidate("x.local")],
        [candidate("fe80::2")],
    ],
)
def test_addresses_that_can_reach_each_other(lines: list[str]) -> None:
    call = Call()
    call.offer()
    call.answer()
    call.candidates("streaming-node", candidate("10.1.2.3"))
    call.candidates("gcom", *lines)
    assert call.texts(rules.needs_turn) == []


def test_subnets_are_not_judged_before_the_candidates_are_there() -> None:
    call = Call()
    call.offer()
    call.answer()
    call.candidates("streaming-node", candidate("10.1.2.3"))
    call.pair.sent_candidate("gcom", parse_candidate(candidate("192.168.1.5")), call.now)
    assert call.found(rules.needs_turn, wait=2.9) == []
    assert call.found(rules.needs_turn, wait=0.1)


def test_one_subnet_without_a_path_is_a_firewall_or_a_wifi_that_isolates() -> None:
    call = failing("10.0.0.1", "10.0.0.2")
    (finding,) = call.found(rules.blocked)
    assert finding.stalls
    assert finding.text == (
        "streaming-node and gcom are in one subnet (10.0.0.0/24), but packets do not get through: "
        "a firewall on one of them, or a Wi-Fi that isolates its clients."
    )
    call.report("gcom", "connected")
    call.report("gcom", "failed")  # a path was there
    assert call.found(rules.blocked) == []


@pytest.mark.parametrize(
    ("state", "verb", "stalls"),
    [
        ("failed", "has failed", True),
        ("closed", "is closed", True),
        ("disconnected", "is disconnected", False),
    ],
)
def test_peer_reports_that_its_connection_is_gone(state: str, verb: str, stalls: bool) -> None:
    call = Call()
    call.connect()
    call.report("streaming-node", state)
    (finding,) = call.found(rules.reported_lost)
    assert finding.text == f"streaming-node reports that its connection {verb}."
    assert (finding.code, finding.stalls) == (f"reported-{state}", stalls)


@pytest.mark.parametrize("state", ["closed", "disconnected"])
def test_call_that_a_program_ended_or_that_had_a_path_is_not_blocked(state: str) -> None:
    call = failing()
    assert call.found(rules.blocked)
    call.report("gcom", state)
    assert call.found(rules.blocked) == []


def test_many_ice_restarts() -> None:
    call = Call()
    for number in range(4):
        assert call.texts(rules.restarts) == []
        call.offer(ufrag=f"restart-{number}", origin=f"1 {number}")
    assert call.texts(rules.restarts) == [
        "streaming-node has restarted ICE 3 times in the last minute."
    ]
    assert call.texts(rules.restarts, wait=60.0) == []
