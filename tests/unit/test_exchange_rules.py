from __future__ import annotations

import pytest

from calls import Call
from sdps import CHROME_OFFER, sdp
from signaling_server.core.insight import exchange_rules as rules
from signaling_server.core.insight.reading import UNREAD
from signaling_server.core.insight.roles import UNKNOWN, VIEWER
from signaling_server.core.insight.sdp import Description


def without(line: str) -> str:
    return "".join(each for each in sdp().splitlines(True) if not each.startswith(line))


@pytest.mark.parametrize(("kind", "by"), [("offer", "streaming-node"), ("answer", "gcom")])
def test_description_without_sdp_names_its_sender_at_once(kind: str, by: str) -> None:
    call = Call()
    call.offer()
    call.describe(kind, by, Description())
    (finding,) = call.found(rules.unusable_sdp)
    assert finding.text == f"The {kind} from {by} contains no readable SDP."
    assert (finding.side, finding.stalls) == (by, True)


@pytest.mark.parametrize("offerer", ["streaming-node", "gcom"])
def test_empty_answer_to_an_empty_offer_is_the_offerers_fault(offerer: str) -> None:
    call = Call()
    call.describe("offer", offerer, Description())
    call.describe("answer", call.pair.other(offerer).peer_id, Description())
    assert call.found(rules.unusable_sdp)[0].side == offerer


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("a=ice-ufrag", "a=ice-ufrag"),
        ("a=ice-pwd", "a=ice-pwd"),
        ("a=fingerprint", "a=fingerprint"),
        ("v=", "valid lines (v=0 first, each <type>=<value>)"),
    ],
)
def test_sdp_that_no_program_can_use(line: str, missing: str) -> None:
    call = Call()
    call.offer(text=without(line))
    (finding,) = call.found(rules.unusable_sdp)
    assert finding.code == "incomplete-sdp"
    sentence = f"The offer from streaming-node lacks {missing}: no program can use it."
    assert (finding.text, finding.side, finding.stalls) == (sentence, "streaming-node", True)


def test_line_that_is_none() -> None:
    call = Call()
    call.offer(text=sdp() + "this is no line\r\n")
    assert "valid lines" in call.texts(rules.unusable_sdp)[0]


def test_usable_sdp_and_one_too_large_to_be_read() -> None:
    call = Call()
    call.offer(text=CHROME_OFFER)
    assert call.texts(rules.unusable_sdp) == []
    call.describe("offer", "streaming-node", UNREAD)
    assert call.texts(rules.unusable_sdp) == []


def test_node_that_does_not_offer_is_named() -> None:
    call = Call()
    assert call.found(rules.no_offer, wait=4.9) == []
    (finding,) = call.found(rules.no_offer, wait=7.1)
    assert (
        finding.text == "Both peers have been here for 12 s, but streaming-node has not sent "
        "an offer."
    )
    assert (finding.side, finding.stalls) == ("streaming-node", True)


@pytest.mark.parametrize("kinds", [(UNKNOWN, UNKNOWN), (UNKNOWN, VIEWER)])
def test_of_two_whose_parts_are_unknown_nobody_is_blamed(kinds: tuple[str, str]) -> None:
    call = Call(kinds)
    (finding,) = call.found(rules.no_offer, wait=12.0)
    assert finding.text == "Both peers have been here for 12 s, but neither has sent an offer."
    assert (finding.side, finding.stalls) == ("", False)


def test_missing_offer_is_not_missed_while_a_side_is_away_or_reports_or_may_have_a_call() -> None:
    call = Call()
    call.pair.sides["gcom"].away = True
    assert call.found(rules.no_offer, wait=12.0) == []
    call.pair.sides["gcom"].away = False
    call.report("gcom", "connecting")
    assert call.found(rules.no_offer) == []
    assert Call(standing=True).found(rules.no_offer, wait=12.0) == []


def test_missing_answer() -> None:
    call = Call()
    call.offer()
    assert call.found(rules.no_answer, wait=4.9) == []
    (finding,) = call.found(rules.no_answer, wait=7.1)
    assert finding.text == "gcom was sent an offer 12 s ago and has not answered it."
    assert (finding.side, finding.stalls) == ("gcom", True)
    call.pair.sides["gcom"].away = True
    assert call.found(rules.no_answer) == []


def test_retried_offer_does_not_hide_how_long_the_answer_is_missing() -> None:
    call = Call()
    for number in range(6):
        call.offer(origin=f"1 {number}")
        call.now += 2.0
    assert call.texts(rules.no_answer) == [
        "gcom was sent an offer 12 s ago and has not answered it."
    ]


def test_glare_that_nobody_resolves() -> None:
    call = Call()
    call.offer("streaming-node")
    assert call.found(rules.glare, wait=9.0) == []
    call.offer("gcom", direction="recvonly")
    assert call.found(rules.glare, wait=4.9) == []  # one of them may still yield
    (finding,) = call.found(rules.glare, wait=0.1)
    assert finding.stalls
    assert finding.text == (
        "Both sides offered at once (glare), and neither streaming-node nor gcom has answered."
    )
    assert call.found(rules.no_answer) == []
    call.answer("gcom")
    assert call.found(rules.glare) == []


def test_answer_to_an_earlier_offer() -> None:
    call = Call()
    call.offer()
    call.offer(ufrag="again", origin="2 1")
    call.answer()
    (finding,) = call.found(rules.late_answer)
    assert finding.text == (
        "The answer from gcom belongs to an earlier offer; streaming-node has sent a new one since."
    )
    assert (finding.side, finding.stalls) == ("streaming-node", False)
    assert call.found(rules.late_answer, wait=5.0)[0].stalls
    call.answer()
    assert call.texts(rules.late_answer) == []


def test_whether_a_call_stands_is_unknown_until_something_is_heard_of_it() -> None:
    call = Call(standing=True)
    assert call.found(rules.since_restart, wait=9.9) == []
    (finding,) = call.found(rules.since_restart, wait=0.1)
    assert finding.text == (
        "Whether streaming-node and gcom are connected is unknown: both came back 10 s ago, and "
        "neither has reported or negotiated since."
    )
    assert finding.severity == "note"
    call.offer()
    assert call.found(rules.since_restart) == []
