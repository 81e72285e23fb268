from __future__ import annotations

from typing import Any

import pytest

from signaling_server.core.protocol.rtc_report import (
    MAX_TEXT,
    STATES,
    ConnectionReport,
    parse_report,
)
from signaling_server.errors import Rejection


@pytest.mark.parametrize("state", STATES)
def test_state_alone_is_a_report(state: str) -> None:
    assert parse_report({"state": state}) == ConnectionReport(state, {})


@pytest.mark.parametrize("payload", [None, "connected", [], {}, {"state": "fine"}, {"state": []}])
def test_unknown_state_is_rejected(payload: Any) -> None:
    with pytest.raises(Rejection, match="state must be one of new, connecting") as caught:
        parse_report(payload)
    assert caught.value.code == "invalid-data"


def test_candidate_pair_may_use_the_names_of_get_stats() -> None:
    pair = {
        "local": {"type": "host", "protocol": "udp", "address": "10.0.0.1:5000"},
        "remote": {"candidateType": "relay", "protocol": "tcp", "port": 5, "x": "y"},
    }
    assert parse_report({"state": "connected", "candidate_pair": pair}).candidate_pair == {
        "local": {"type": "host", "protocol": "udp", "address": "10.0.0.1:5000"},
        "remote": {"type": "relay", "protocol": "tcp"},
    }


@pytest.mark.parametrize(
    "pair",
    [
        "host",
        {"local": "host"},
        {"local": {"type": 5}},
        {"local": {"type": ""}},
        {"local": {"type": "\n"}},
        {"remote": {"address": "x" * (MAX_TEXT + 1)}},
        {"elsewhere": {"type": "host"}},
    ],
)
def test_invalid_parts_of_a_candidate_pair_are_left_out(pair: Any) -> None:
    assert parse_report({"state": "connected", "candidate_pair": pair}).candidate_pair == {}
