from __future__ import annotations

import json
from typing import Any

import pytest

from sdps import candidate, sdp
from signaling_server.core.insight.reading import LARGEST, UNREAD, UNREADABLE, read
from signaling_server.core.insight.sdp import Description, parse_candidate, parse_description
from signaling_server.core.protocol.messages import parse_signal

READABLE = parse_candidate(candidate("10.0.0.1"))


def content(kind: str, data: Any) -> Any:
    return read(parse_signal(json.dumps({"type": kind, "data": data}), 1_000_000, 64))


@pytest.mark.parametrize("kind", ["offer", "answer"])
@pytest.mark.parametrize("data", [{"sdp": sdp()}, {"sdp": {"type": "offer", "sdp": sdp()}}])
def test_sdp_is_found_in_the_forms_that_clients_send(kind: str, data: Any) -> None:
    assert content(kind, data) == parse_description(sdp())


def test_number_of_very_many_digits_is_no_trouble() -> None:
    # As text: Python itself does not write such a number.
    text = json.dumps({"type": "offer", "data": {"sdp": sdp()}})[:-2] + ',"n":1' + "0" * 5000 + "}}"
    assert read(parse_signal(text, 1_000_000, 64)) == parse_description(sdp())


@pytest.mark.parametrize("data", [{}, {"sdp": 5}, {"sdp": {}}, {"sdp": None}, {"sdp": "hello"}])
def test_offer_without_sdp_is_an_empty_description(data: Any) -> None:
    assert content("offer", data) == Description()


def test_very_large_offer_is_not_read() -> None:
    assert content("offer", {"sdp": sdp() + " " * LARGEST}) == UNREAD
    assert content("ice-candidate", {"candidate": "x" * LARGEST}) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"candidate": candidate("10.0.0.1"), "sdpMid": "0"}, READABLE),
        ({"candidate": {"candidate": candidate("10.0.0.1")}}, READABLE),
        ({"candidate": "candidate:odd"}, UNREADABLE),
        ({"candidate": 5}, UNREADABLE),
        ({"candidate": ""}, None),
        ({"candidate": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_candidate_is_found_in_the_forms_that_clients_send(data: Any, expected: Any) -> None:
    assert content("ice-candidate", data) == expected
