from __future__ import annotations

import pytest

from signaling_server.core.words import ago, first, listed, plural


@pytest.mark.parametrize(("number", "text"), [(0, "0 peers"), (1, "1 peer"), (2, "2 peers")])
def test_one_thing_is_singular(number: int, text: str) -> None:
    assert plural(number, "peer") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (90000, "1 d")],
)
def test_time_is_coarser_the_longer_ago(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_list_has_its_and() -> None:
    assert listed(["H264"]) == "H264"
    assert listed(["H264", "VP8", "AV1"]) == "H264, VP8 and AV1"
    assert listed([]) == ""


def test_long_list_is_cut() -> None:
    assert first(["a", "b"], 2) == "a, b"
    assert first(["a", "b", "c"], 2) == "a, b, ..."
