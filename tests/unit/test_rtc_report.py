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


def test_local_end_may_name_its_stun_or_turn_server() -> None:
    pair = {"local": {"candidateType": "relay", "url": "turn:10.0.0.1:3478?transport=udp"}}
    assert parse_report({"state": "connected", "candidate_pair": pair}).candidate_pair == {
        "local": {"type": "relay", "url": "turn:10.0.0.1:3478?transport=udp"}
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


def test_report_may_say_to_whom_and_what_was_measured() -> None:
    stats = {"round_trip_ms": 12.34, "bitrate_kbps": 1500, "frames_per_second": 30, "x": 1}
    report = parse_report({"state": "connected", "to": "gcom", "stats": stats})
    assert report.to == "gcom"
    assert report.stats == {
        "round_trip_ms": 12.3,
        "bitrate_kbps": 1500.0,
        "frames_per_second": 30.0,
    }


@pytest.mark.parametrize("to", [5, ["gcom"], "x" * (MAX_TEXT + 1)])
def test_report_to_something_that_is_no_peer_id_is_rejected(to: Any) -> None:
    with pytest.raises(Rejection, match="to must be the peer_id") as caught:
        parse_report({"state": "connected", "to": to})
    assert caught.value.code == "invalid-data"


@pytest.mark.parametrize(
    "number", ["12", None, True, -1, 1e10, 10**400, float("nan"), float("inf"), [1]]
)
def test_what_is_no_measurement_is_left_out(number: Any) -> None:
    report = parse_report({"state": "connected", "stats": {"packets_lost": number}})
    assert report.stats == {}
    assert parse_report({"state": "connected", "to": None, "stats": number}).stats == {}
