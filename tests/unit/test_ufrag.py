from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sdps import CHROME_OFFER
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.ufrag import MAX_SECTIONS, MAX_TEXT, ufrags_of

CANDIDATE = "candidate:1 1 udp 2122 10.0.0.1 5000 typ host generation 0 ufrag aB+/ network-id 1"


def ufrags(kind: str, data: Any) -> set[str]:
    text = json.dumps({"type": kind, "data": data, "from": "me"})
    return {*ufrags_of(parse_signal(text, 10 * MAX_TEXT, 64))}


def sdp(*names: str, end: str = "\r\n") -> str:
    lines = (f"m=video 9 x 96{end}a=ice-ufrag:{name}{end}a=ice-pwd:S3cr3t{end}" for name in names)
    return f"v=0{end}" + "".join(lines)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_offer_tells_the_ufrag_of_each_section_once(end: str) -> None:
    assert ufrags("offer", {"type": "offer", "sdp": sdp("abcd", end=end)}) == {"abcd"}
    assert ufrags("offer", {"sdp": sdp("abcd", "abcd", "ef+/", end=end)}) == {"abcd", "ef+/"}
    assert ufrags("answer", {"sdp": sdp("abcd", end=end)}) == {"abcd"}


def test_offer_of_chrome() -> None:
    (ufrag,) = ufrags("offer", {"sdp": CHROME_OFFER})
    assert f"a=ice-ufrag:{ufrag}" in CHROME_OFFER.splitlines()


def test_offer_may_be_inside_an_object_of_its_own() -> None:
    assert ufrags("offer", {"sdp": {"type": "offer", "sdp": sdp("abcd")}}) == {"abcd"}
    assert ufrags("offer", {"sdp": {"sdp": {"sdp": sdp("abcd")}}}) == set()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"sdp": None},
        {"sdp": 5},
        {"sdp": ["a=ice-ufrag:abcd"]},
        {"sdp": "x a=ice-ufrag:abcd"},
        {"sdp": "a=ice-ufrag:"},
        {"sdp": "a=ice-ufrag:" + "x" * 257},
        {"sdp": "a=ice-ufrag:ab cd"},
        {"candidate": CANDIDATE},
    ],
)
def test_offer_without_a_ufrag_tells_none(data: Any) -> None:
    assert ufrags("offer", data) == set()


def test_sections_are_bounded() -> None:
    assert len(ufrags("offer", {"sdp": sdp(*map(str, range(1000)))})) == MAX_SECTIONS


@pytest.mark.parametrize(
    "data",
    [
        {"candidate": CANDIDATE},
        {"candidate": "x", "usernameFragment": "aB+/"},
        {"candidate": "", "usernameFragment": "aB+/", "sdpMid": "0"},
        {"candidate": CANDIDATE, "usernameFragment": ""},
        {"candidate": CANDIDATE, "usernameFragment": None},
        {"candidate": {"candidate": CANDIDATE, "sdpMLineIndex": 0}},
        {"candidate": {"usernameFragment": "aB+/"}},
        {"candidate": CANDIDATE.partition(" network-id")[0]},
        {"candidate": CANDIDATE.partition(" network-id")[0] + "\r\n"},
    ],
)
def test_candidate_tells_its_ufrag(data: Any) -> None:
    assert ufrags("ice-candidate", data) == {"aB+/"}


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"candidate": "candidate:1 1 udp 1 10.0.0.1 5 typ host"},
        {"candidate": "candidate:1 1 udp 1 10.0.0.1 5 typ host ufrag "},
        {"candidate": "typ host ufrag " + "x" * 257},
        {"candidate": None},
        {"candidate": [CANDIDATE]},
        {"candidate": {"candidate": {"candidate": CANDIDATE}}},
        {"usernameFragment": 7},
        {"usernameFragment": "x" * 257},
        {"sdp": sdp("abcd")},
    ],
)
def test_candidate_without_a_ufrag_tells_none(data: Any) -> None:
    assert ufrags("ice-candidate", data) == set()


def test_description_may_be_a_bare_text() -> None:
    signal = parse_signal('{"type":"offer","data":{}}', 100, 5)
    body = json.dumps({"data": sdp("abcd")})[:-1]
    assert ufrags_of(signal._replace(body=body)) == {"abcd"}
    body = json.dumps({"data": CANDIDATE})[:-1]
    assert ufrags_of(signal._replace(type="ice-candidate", body=body)) == {"aB+/"}


@pytest.mark.parametrize("body", ["", "{", "[", "5", '[{"data":1}', '{"data":' * 9999, '"{'])
def test_text_that_is_no_signal_tells_none(body: str) -> None:
    signal = parse_signal('{"type":"offer","data":{}}', 100, 5)
    assert ufrags_of(signal._replace(body=body)) == frozenset()


def test_array_that_ends_like_an_object_tells_none() -> None:
    signal = parse_signal('{"type":"offer","data":{}}', 100, 5)
    assert ufrags_of(signal._replace(body='{"data":{"sdp":"x"}')) == frozenset()


def test_what_is_too_long_is_not_read() -> None:
    long = {"sdp": sdp("abcd"), "x": "y" * MAX_TEXT}
    assert ufrags("offer", long) == set()
    assert ufrags("offer", {"sdp": sdp("abcd") + "y" * (MAX_TEXT - 400)}) == {"abcd"}


@pytest.mark.parametrize(
    "data",
    [
        {"sdp": "a=ice-ufrag:" * 20000},
        {"sdp": "\na=ice-ufrag:" + ("x" * 256 + " \t") * 900},
        {"sdp": "\na=ice-ufrag:x" + " " * 200000},
        {"sdp": " ufrag " * 30000},
        {"sdp": "\r" * 120000},
    ],
)
@pytest.mark.parametrize("kind", ["offer", "ice-candidate"])
def test_the_longest_takes_no_time(kind: str, data: dict[str, Any]) -> None:
    given = data if kind == "offer" else {"candidate": data["sdp"]}
    started = time.process_time()
    ufrags(kind, given)
    assert time.process_time() - started < 0.25
