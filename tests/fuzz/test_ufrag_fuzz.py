"""Whatever a signal holds, reading its ufrag never raises, and tells no more than ufrags."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sdps import CHROME_OFFER, candidate
from signaling_server.core.protocol.messages import VALID_TYPES, Signal, parse_signal
from signaling_server.core.protocol.ufrag import MAX_SECTIONS, ufrags_of
from signaling_server.errors import Rejection

SECRET = "S3cr3tS3cr3tS3cr3tS3cr3t"
KEYS = ["sdp", "candidate", "usernameFragment", "data", "type"]
LINES = ["a=ice-ufrag:abcd", f"a=ice-pwd:{SECRET}", "m=video", " ufrag abcd", candidate("10.0.0.1")]

texts = st.text(max_size=30) | st.lists(st.sampled_from([*LINES, "\r\n", " "])).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(CHROME_OFFER),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.sampled_from(VALID_TYPES), values)
def test_any_signal_that_is_accepted_is_read(kind: str, data: object) -> None:
    try:
        signal = parse_signal(json.dumps({"type": kind, "data": data}), 262144, 64)
    except Rejection:
        return
    found = ufrags_of(signal)
    assert len(found) <= MAX_SECTIONS
    assert not any(SECRET in one for one in found) or kind == "ice-candidate"


@given(st.sampled_from(VALID_TYPES), st.text() | values.map(json.dumps) | st.binary().map(str))
def test_any_text_is_read(kind: str, body: str) -> None:
    assert len(ufrags_of(Signal(kind, None, len(body), body))) <= MAX_SECTIONS


@given(st.sets(st.from_regex(r"[A-Za-z0-9+/]{4,20}", fullmatch=True), min_size=1, max_size=5))
def test_candidate_of_an_offer_is_known_by_either_way_of_telling(names: set[str]) -> None:
    sdp = "v=0\r\n" + "".join(f"m=video\r\na=ice-ufrag:{name}\r\n" for name in sorted(names))
    offer = parse_signal(json.dumps({"type": "offer", "data": {"sdp": sdp}}), 262144, 64)
    assert ufrags_of(offer) == names
    for name in names:
        for data in ({"candidate": "", "usernameFragment": name}, {"candidate": f"x ufrag {name}"}):
            text = json.dumps({"type": "ice-candidate", "data": data})
            assert ufrags_of(parse_signal(text, 262144, 64)) <= ufrags_of(offer)
