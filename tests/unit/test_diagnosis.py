from __future__ import annotations

import re
from pathlib import Path

from calls import Call
from sdps import candidate
from signaling_server.core.ice import ice_report
from signaling_server.core.insight import finding as finding_module
from signaling_server.core.insight.diagnosis import diagnose, state_of

CODES = {*finding_module.ADVICE}


def found(call: Call, wait: float = 0.0) -> list[str]:
    """The codes."""
    call.now += wait
    return [finding.code for finding in diagnose(call.pair, call.now)]


def state(call: Call) -> str:
    return state_of(call.pair, diagnose(call.pair, call.now))


def test_good_call_from_start_to_end() -> None:
    call = Call()
    assert (found(call), state(call)) == ([], "waiting")
    call.offer()
    assert (found(call, wait=0.1), state(call)) == ([], "negotiating")
    call.answer()
    for peer in ("streaming-node", "gcom"):
        call.candidates(peer, candidate("10.0.0.1"))
        call.report(peer, "connecting")
    assert (found(call, wait=0.1), state(call)) == ([], "negotiating")
    call.report("gcom", "connected")
    assert (found(call, wait=1000.0), state(call)) == ([], "connected")


def test_outcome_of_an_answer_is_unknown_without_reports() -> None:
    call = Call()
    call.negotiate()
    assert (found(call, wait=1000.0), state(call)) == ([], "answered")


def test_call_that_may_stand_is_no_alarm_until_something_is_heard_of_it() -> None:
    call = Call(standing=True)
    assert (found(call), state(call)) == ([], "unknown")
    assert (found(call, wait=60.0), state(call)) == (["since-restart"], "unknown")
    call.report("gcom", "connected")
    assert (found(call), state(call)) == ([], "connected")


def test_report_of_a_call_without_an_offer_is_no_waiting_for_one() -> None:
    call = Call(standing=True)
    call.report("gcom", "connecting")
    assert (found(call, wait=60.0), state(call)) == ([], "negotiating")


def test_one_stall_is_one_finding() -> None:
    call = Call()
    call.negotiate("10.1.2.3", "192.168.1.5")
    call.report("gcom", "failed")
    assert (found(call, wait=20.0), state(call)) == (["needs-turn"], "stalled")
    call = Call()
    call.offer(codecs=["H264"], direction="recvonly")
    call.answer(codecs=["VP8"])
    assert (found(call, wait=20.0), state(call)) == (["no-common-codec"], "stalled")


def test_what_offer_and_answer_say_does_not_count_while_frames_flow() -> None:
    call = Call()
    call.offer(codecs=["H264"])
    call.answer(codecs=["VP8"])
    call.report("gcom", "connected")
    assert (found(call), state(call)) == (["no-common-codec"], "connected")
    call.report("gcom", "connected", frames_per_second=25.0)
    assert found(call) == []


def test_restarts_are_said_in_every_state() -> None:
    call = Call()
    for number in range(4):
        call.negotiate(ufrag=f"u{number}", origin=f"1 {number}")
        call.report("gcom", "connected")
    assert found(call) == ["ice-restarts"]


def test_every_code_is_explained_for_operators() -> None:
    package = Path(finding_module.__file__).parent
    sources = "".join(path.read_text() for path in sorted(package.glob("*.py")))
    made = set(re.findall(r'Finding\(\s*f?"([a-z{}.-]+)"', sources))
    reported = {code for code in CODES if code.startswith("reported-")}
    assert made - {"reported-{side.state}"} == CODES - reported
    explained = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
    headings = re.findall(r"^### `([a-z-]+)`", explained.read_text(), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == CODES | {ice_report.CODE, ice_report.REFUSES}
