"""Whatever clients send, the reading of SDP never raises, keeps little and is done at once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sdps import AIORTC_ANSWER, CHROME_OFFER, candidate, sdp
from signaling_server.core.insight.insight import Insight
from signaling_server.core.insight.sdp import (
    MAX_CANDIDATES,
    MAX_CODECS,
    MAX_SECTIONS,
    MAX_WORD,
    parse_candidate,
    parse_description,
)
from signaling_server.core.protocol.events import PeerJoined, SignalAccepted
from signaling_server.core.protocol.messages import VALID_TYPES, parse_signal
from signaling_server.core.protocol.rtc_report import STATES, parse_report
from signaling_server.errors import Rejection

LINES = [
    *CHROME_OFFER.splitlines(),
    *AIORTC_ANSWER.splitlines(),
    "a=" + candidate("x.local"),
    "m=",
    "o=",
    "a=candidate:",
    "a=rtpmap:",
    "a=bundle-only",
]
SAMPLES = [CHROME_OFFER, AIORTC_ANSWER, sdp(), candidate("10.0.0.1", "relay", "ufrag abcd")]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A sample in which places are cut out, doubled or overwritten."""
    text = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 200)))
        middle = draw(st.one_of(st.text(max_size=20), st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return text


texts = st.one_of(
    mangled(),
    st.text(),
    st.lists(st.sampled_from(LINES)).map("\r\n".join),
    st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=40))).map("\n".join),
)


@given(texts)
def test_description_is_read_and_bounded(text: str) -> None:
    description = parse_description(text)
    assert len(description.sections) <= MAX_SECTIONS
    assert len(description.candidates) <= MAX_CANDIDATES
    assert len(description.ufrags) <= MAX_SECTIONS
    for section in description.sections:
        assert len(section.codecs) <= MAX_CODECS
        assert all(len(word) <= MAX_WORD for word in (section.kind, section.mid, *section.codecs))
        assert section.direction in ("sendrecv", "sendonly", "recvonly", "inactive")


@given(texts)
def test_password_is_never_kept(text: str) -> None:
    secret = "S3cr3tS3cr3tS3cr3tS3cr3t"
    found = parse_description(f"{text}\r\na=ice-pwd:{secret}\r\n{text}\r\na=crypto:1 x {secret}")
    assert secret not in repr(found)


@given(texts)
def test_candidate_is_read_and_bounded(text: str) -> None:
    found = parse_candidate(text)
    if found is not None:
        assert all(len(part) <= MAX_WORD for part in found)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["sdp", "candidate", "type", "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)
data = st.dictionaries(st.sampled_from(["sdp", "candidate", "type"]), json_values, max_size=3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["node", "gcom", "laptop"]),
            st.sampled_from([None, "node", "gcom", "laptop"]),
            st.sampled_from(VALID_TYPES),
            data,
            st.sampled_from([*STATES, ""]),
            st.integers(0, 20),
        ),
        max_size=30,
    )
)
def test_insight_takes_any_negotiation_and_its_report_is_json(steps: list[Any]) -> None:
    insight, now = Insight(), 100.0
    for name in ("node", "gcom", "laptop"):
        insight.record(PeerJoined(f"sid-{name}", name, "room", "10.0.0.1", "websocket", False), now)
    for sender, to, kind, content, state, seconds in steps:
        now += seconds
        if to != sender:
            message = {"type": kind, "data": content, **({"to": to} if to else {})}
            signal = parse_signal(json.dumps(message), 262144, 64)
            insight.record(SignalAccepted(f"sid-{sender}", sender, "room", signal, 1, 0), now)
        if state:
            insight.report("room", sender, parse_report({"state": state}), now)
        insight.digest(now)
        (room,) = insight.picture(now).rooms
        for pair in room.pairs:
            assert pair.state in ("connected", "stalled", "waiting", "negotiating", "answered")
            assert all(finding.text.endswith(".") for finding in pair.diagnosis)
        json.dumps([room, insight.notes()], allow_nan=False)


@given(st.one_of(json_values, st.fixed_dictionaries({"state": st.sampled_from(STATES)}), data))
def test_report_is_read_or_rejected(payload: Any) -> None:
    code, state = "", ""
    try:
        state = parse_report(payload).state
    except Rejection as rejection:
        code = rejection.code
    assert (state in STATES) != (code == "invalid-data")


@given(json_values)
def test_candidate_pair_is_bounded(pair: Any) -> None:
    report = parse_report({"state": "connected", "candidate_pair": {"local": pair, "remote": pair}})
    assert len(json.dumps(report.candidate_pair)) < 2 * (3 * 64 * 12 + 100)
