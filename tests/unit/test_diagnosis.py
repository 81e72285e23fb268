from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sdps import candidate, sdp
from signaling_server.core.insight import diagnosis
from signaling_server.core.insight import observed as room_view
from signaling_server.core.insight.diagnosis import diagnose, state_of
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.sdp import Description, parse_candidate, parse_description
from signaling_server.core.protocol.rtc_report import ConnectionReport

CODES = {
    "alone",
    "crowded",
    "dtls-roles",
    "glare",
    "ice-restarts",
    "mdns-only",
    "name-in-use",
    "needs-turn",
    "no-answer",
    "no-candidates",
    "no-common-codec",
    "no-offer",
    "no-sender",
    "no-video",
    "not-connected",
    "old-offer",
    "reported-closed",
    "reported-disconnected",
    "reported-failed",
    "unreadable-sdp",
    "video-refused",
}


class Call:
    """streaming-node and gcom have been here since 100.0; a test says what passes."""

    def __init__(self) -> None:
        self.pair = Pair("streaming-node", "gcom", 100.0)
        self.now = 100.0

    def offer(self, by: str = "streaming-node", text: str | None = None, **fields: Any) -> None:
        fields = {"direction": "sendonly", "ufrag": by[0], **fields}
        offer = parse_description(sdp(**fields) if text is None else text)
        self.pair.offered(by, offer, self.now)

    def answer(self, by: str = "gcom", **fields: Any) -> None:
        fields = {"direction": "recvonly", "setup": "active", "ufrag": by[0], **fields}
        self.pair.answered(by, parse_description(sdp(**fields)), self.now)

    def candidates(self, by: str, *lines: str) -> None:
        """All of them, and the end."""
        for line in lines:
            self.pair.sent_candidate(by, parse_candidate(line), self.now)
        self.pair.sent_candidate(by, None, self.now)

    def report(self, by: str, state: str) -> None:
        self.pair.reported(by, ConnectionReport(state, {}), self.now)

    def found(self, wait: float = 0.0) -> dict[str, str]:
        """The sentences by code."""
        self.now += wait
        findings = diagnose(self.pair, self.now)
        assert {finding.code for finding in findings} <= CODES
        return {finding.code: finding.text for finding in findings}

    @property
    def state(self) -> str:
        return state_of(self.pair, diagnose(self.pair, self.now))


def answered_call(**fields: Any) -> Call:
    """Offer and answer have passed."""
    call = Call()
    call.offer(**fields)
    call.answer()
    return call


def test_good_call_from_start_to_end() -> None:
    call = Call()
    assert (call.found(), call.state) == ({}, "waiting")
    call.offer()
    assert (call.found(wait=0.1), call.state) == ({}, "negotiating")
    call.answer()
    for peer in ("streaming-node", "gcom"):
        call.candidates(peer, candidate("10.0.0.1"))
        call.report(peer, "connecting")
    assert (call.found(wait=0.1), call.state) == ({}, "negotiating")
    call.report("gcom", "connected")
    assert (call.found(wait=1000.0), call.state) == ({}, "connected")


def test_outcome_of_an_answer_is_unknown_without_reports() -> None:
    call = answered_call()
    for peer in ("streaming-node", "gcom"):
        call.candidates(peer, candidate("10.0.0.1"))
    assert (call.found(wait=1000.0), call.state) == ({}, "answered")


def test_missing_offer() -> None:
    call = Call()
    assert call.found(wait=4.9) == {}
    assert call.found(wait=7.1) == {
        "no-offer": "Both peers have been here for 12 s, but neither has sent an offer."
    }
    assert call.state == "stalled"


def test_missing_answer() -> None:
    call = Call()
    call.offer(candidates=[candidate("10.0.0.1")])
    assert call.found(wait=4.9) == {}
    assert call.found(wait=7.1) == {
        "no-answer": "gcom was sent an offer 12 s ago and has not answered it."
    }
    assert call.state == "stalled"


def test_retried_offer_does_not_hide_how_long_the_answer_is_missing() -> None:
    call = Call()
    for number in range(6):
        call.offer(origin=f"1 {number}", candidates=[candidate("10.0.0.1")])
        call.now += 2.0
    assert call.found()["no-answer"] == "gcom was sent an offer 12 s ago and has not answered it."


def test_glare() -> None:
    call = Call()
    call.offer("streaming-node")
    call.offer("gcom", direction="recvonly")
    assert call.found() == {
        "glare": "Both sides offered at once (glare), and neither streaming-node nor gcom "
        "has answered."
    }
    assert call.state == "negotiating"
    assert list(call.found(wait=5.0)) == ["glare"]
    assert call.state == "stalled"
    call.answer("gcom")
    assert call.found() == {}


def test_answer_to_an_earlier_offer() -> None:
    call = Call()
    call.offer()
    call.offer(ufrag="again", origin="2 1")
    call.answer()
    assert call.found() == {
        "old-offer": "The answer from gcom belongs to an earlier offer; "
        "streaming-node has sent a new one since."
    }
    call.answer()
    assert call.found() == {}


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "actpass"), ("active", "active"), ("passive", "passive"), ("actpass", "holdconn")],
)
def test_dtls_roles_that_do_not_match(offered: str, answered: str) -> None:
    call = Call()
    call.offer(setup=offered)
    call.answer(setup=answered)
    assert call.found() == {
        "dtls-roles": f"The DTLS roles do not match: streaming-node is {offered}, "
        f"gcom is {answered}."
    }
    assert call.state == "stalled"


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "active"), ("actpass", "passive"), ("active", "passive"), ("actpass", "")],
)
def test_dtls_roles_that_match_or_are_unknown(offered: str, answered: str) -> None:
    call = Call()
    call.offer(setup=offered)
    call.answer(setup=answered)
    assert call.found() == {}


def test_peer_without_candidates() -> None:
    call = answered_call(candidates=[candidate("10.0.0.1")])
    assert call.found(wait=9.9) == {}
    assert call.found(wait=0.1) == {"no-candidates": "gcom has sent no candidates within 10 s."}
    assert call.state == "answered"
    call.report("streaming-node", "connecting")
    assert "no-candidates" in call.found()
    assert call.state == "stalled"


def test_only_mdns_names() -> None:
    call = answered_call()
    call.candidates("gcom", candidate("10.0.0.1"))
    call.pair.sent_candidate("streaming-node", parse_candidate(candidate("x.local")), call.now)
    assert call.found() == {}
    sentence = (
        "All candidates from streaming-node are mDNS names, which gcom cannot resolve "
        "from another network."
    )
    assert call.found(wait=3.0) == {"mdns-only": sentence}
    assert call.state == "answered"
    call.candidates("streaming-node", candidate("203.0.113.7", "srflx"))
    assert call.found() == {}


def test_private_addresses_in_different_subnets() -> None:
    call = answered_call()
    call.candidates("streaming-node", candidate("10.1.2.3"), candidate("fe80::1"))
    call.candidates("gcom", candidate("192.168.1.5"), candidate("127.0.0.1"))
    assert call.found() == {
        "needs-turn": "streaming-node and gcom have private addresses in different subnets and "
        "no relay candidate: they need a TURN server."
    }
    assert call.state == "answered"  # there may be a route between the two
    call.report("gcom", "connecting")
    assert call.state == "stalled"


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
    call = answered_call()
    call.candidates("streaming-node", candidate("10.1.2.3"))
    call.candidates("gcom", *lines)
    assert call.found() == {}


def test_subnets_are_not_judged_before_the_candidates_are_there() -> None:
    call = answered_call()
    call.candidates("streaming-node", candidate("10.1.2.3"))
    call.pair.sent_candidate("gcom", parse_candidate(candidate("192.168.1.5")), call.now)
    assert call.found(wait=2.9) == {}
    assert list(call.found(wait=0.1)) == ["needs-turn"]


@pytest.mark.parametrize(
    ("state", "verb", "seen_as"),
    [
        ("failed", "has failed", "stalled"),
        ("closed", "is closed", "stalled"),
        ("disconnected", "is disconnected", "negotiating"),
    ],
)
def test_peer_reports_that_its_connection_is_gone(state: str, verb: str, seen_as: str) -> None:
    call = answered_call(candidates=[candidate("10.0.0.1")])
    call.candidates("gcom", candidate("10.0.0.2"))
    call.report("gcom", "connected")
    call.report("streaming-node", state)
    sentence = f"streaming-node reports that its connection {verb}."
    assert call.found(wait=60.0) == {f"reported-{state}": sentence}
    assert call.state == seen_as


def test_offer_and_answer_but_no_connection() -> None:
    call = answered_call(candidates=[candidate("10.0.0.1")])
    call.candidates("gcom", candidate("10.0.0.2"))
    call.report("gcom", "connecting")
    assert call.found(wait=9.9) == {}
    assert call.found(wait=2.1) == {
        "not-connected": "Offer and answer passed 12 s ago, but the peers are not connected."
    }
    assert call.state == "stalled"


@pytest.mark.parametrize("side", ["offer", "answer"])
def test_description_without_sdp(side: str) -> None:
    call = Call()
    if side == "offer":
        call.offer(text="")
    else:
        call.offer()
        call.pair.answered("gcom", Description(), call.now)
    who = "streaming-node" if side == "offer" else "gcom"
    assert call.found() == {
        "unreadable-sdp": f"The description from {who} contains no readable SDP."
    }


def test_offer_without_video() -> None:
    call = Call()
    call.offer(kind="audio", codecs=["OPUS"])
    call.answer(kind="audio", codecs=["OPUS"])
    assert call.found() == {"no-video": "The offer from streaming-node contains no video."}


@pytest.mark.parametrize(
    ("offered", "answered", "sentence"),
    [
        (["H264"], ["VP8"], "No common video codec: streaming-node offers H264, gcom accepts VP8."),
        (
            ["H264", "H265", "AV1"],
            ["VP8", "VP9"],
            "No common video codec: streaming-node offers H264, H265 and AV1, "
            "gcom accepts VP8 and VP9.",
        ),
    ],
)
def test_no_common_codec(offered: list[str], answered: list[str], sentence: str) -> None:
    call = Call()
    call.offer(codecs=offered)
    call.answer(codecs=answered)
    assert call.found() == {"no-common-codec": sentence}
    assert call.state == "stalled"
    call.report("gcom", "connected")
    assert call.found() == {"no-common-codec": sentence}  # connected, and still no video


def test_unknown_codecs_are_not_judged() -> None:
    call = Call()
    call.offer(codecs=["H264"])
    call.answer(codecs=[])
    assert call.found() == {}


def test_answer_that_refuses_the_video() -> None:
    call = Call()
    call.offer(codecs=["H264"])
    call.answer(port=0, codecs=["H264"], setup="actpass")
    assert call.found() == {"video-refused": "gcom refused the offered video (H264)."}


def test_video_that_the_offer_itself_has_turned_off_is_not_refused() -> None:
    call = Call()
    call.offer(port=0)
    call.answer(port=0)
    assert call.found() == {}


@pytest.mark.parametrize("direction", ["recvonly", "sendonly", "inactive"])
def test_video_cannot_flow_in_equal_directions(direction: str) -> None:
    call = Call()
    call.offer(direction=direction)
    call.answer(direction=direction)
    assert call.found() == {
        "no-sender": f"No video can flow: streaming-node is {direction}, gcom is {direction}."
    }


def test_video_cannot_flow_to_an_inactive_side() -> None:
    call = Call()
    call.offer(direction="sendrecv")
    call.answer(direction="inactive")
    assert call.found() == {
        "no-sender": "No video can flow: streaming-node is sendrecv, gcom is inactive."
    }


def test_both_offer_to_receive_only() -> None:
    call = Call()
    call.offer("streaming-node", direction="recvonly")
    call.offer("gcom", direction="recvonly")
    assert list(call.found()) == ["glare", "no-sender"]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("recvonly", "sendonly"), ("sendrecv", "sendrecv"), ("sendonly", "sendrecv")],
)
def test_one_side_sends_what_the_other_receives(offered: str, answered: str) -> None:
    call = Call()
    call.offer(direction=offered)
    call.answer(direction=answered)
    assert call.found() == {}


def test_many_ice_restarts() -> None:
    call = Call()
    for number in range(4):
        assert call.found() == {}
        call.offer(ufrag=f"restart-{number}", origin=f"1 {number}")
        call.answer()
    sentence = "streaming-node has restarted ICE 3 times in the last minute."
    assert call.found() == {"ice-restarts": sentence}
    call.report("gcom", "connected")
    assert call.found() == {"ice-restarts": sentence}
    assert call.found(wait=60.0) == {}


def test_every_code_is_explained_for_operators() -> None:
    modules = [Path(module.__file__ or "").read_text() for module in (diagnosis, room_view)]
    made = set(re.findall(r'Finding\(\s*f?"([a-z{}.-]+)"', "".join(modules)))
    explained = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
    headings = re.findall(r"^### `([a-z-]+)`", explained.read_text(), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert {code for code in CODES if not code.startswith("reported-")} == made - {
        "reported-{side.state}"
    }
    assert set(headings) == CODES
