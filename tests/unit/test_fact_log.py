from __future__ import annotations

import logging
from typing import Any

import pytest

from signaling_server.core.insight.sentences import sentence
from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Refused,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import Signal
from signaling_server.logs.fact_log import FactLogger

PLACE = {"HAWKEYE_ROOM": "drone-1", "HAWKEYE_PEER": "node"}
SID = {**PLACE, "HAWKEYE_SID": "sid"}
CONNECTION = {**SID, "HAWKEYE_ADDRESS": "10.0.0.2"}


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="signaling_server.logs.fact_log")


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key.startswith("HAWKEYE_")}


def delivered(kind: str = "offer", to: str | None = None, count: int = 1, held: int = 0) -> Fact:
    return SignalAccepted(
        "sid", "node", "drone-1", Signal(kind, to, 812, '{"sdp":"secret"'), count, held
    )


def rejected(peer_id: str = "node", sid: str = "sid", room: str = "drone-1") -> Fact:
    return Rejected(sid, peer_id, room, "10.0.0.2", "too-large", "too long")


@pytest.mark.parametrize(
    ("fact", "event", "also"),
    [
        (PeerJoined("sid", "node", "drone-1", "10.0.0.2", "polling", True), "joined", CONNECTION),
        (PeerResumed("sid", "node", "drone-1", "10.0.0.2", "websocket", 3), "resumed", CONNECTION),
        (PeerReplaced("sid", "node", "drone-1", "10.0.0.2", "10.0.0.3"), "replaced", CONNECTION),
        (PeerAway("sid", "node", "drone-1", "ping-timeout", 30.0), "broke", SID),
        (PeerLeft("sid", "node", "drone-1", "goodbye"), "left", SID),
        (
            Disconnected("sid", "node", "drone-1", "10.0.0.2", "goodbye", 61.25, 7, 12),
            "disconnected",
            CONNECTION,
        ),
        (
            HeldSignalsDelivered("node", "gcom", "drone-1", 2),
            "released",
            {**PLACE, "HAWKEYE_TO": "gcom"},
        ),
        (
            HeldSignalsReplaced("node", "drone-1", 2, "a newer offer replaced them"),
            "dropped",
            {**PLACE, "HAWKEYE_CODE": "expired"},
        ),
        (NameContested("sid", "node", "drone-1", "10.0.0.2", "10.0.0.3"), "contested", CONNECTION),
    ],
)
def test_life_of_a_peer_is_logged_at_info(
    fact: Fact, event: str, also: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    FactLogger().record(fact, 0.0)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("INFO", f"room drone-1: {sentence(fact)}")
    assert fields(record) == {"HAWKEYE_EVENT": event, **also}


@pytest.mark.parametrize(
    ("fact", "event", "also"),
    [
        (
            HeldSignalsExpired("node", "drone-1", 3),
            "expired",
            {**PLACE, "HAWKEYE_CODE": "expired"},
        ),
        (
            RoomOverfull("drone-1", ("gcom", "node", "third"), 2),
            "crowded",
            {"HAWKEYE_ROOM": "drone-1"},
        ),
        (rejected(), "rejected", {**CONNECTION, "HAWKEYE_CODE": "too-large"}),
    ],
)
def test_trouble_is_logged_as_a_warning(
    fact: Fact, event: str, also: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    FactLogger().record(fact, 0.0)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", f"room drone-1: {sentence(fact)}")
    assert fields(record) == {"HAWKEYE_EVENT": event, **also}


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (delivered(), "node sent an offer to all others (812 bytes): delivered to 1"),
        (
            delivered("answer", to="gcom", count=0, held=1),
            "node sent an answer to gcom (812 bytes): delivered to 0, held for 1",
        ),
    ],
)
def test_signal_is_logged_without_its_body(
    fact: SignalAccepted, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    FactLogger().record(fact, 0.0)
    (record,) = caplog.records
    assert record.getMessage() == f"room drone-1: {line}"
    assert fields(record) == {
        "HAWKEYE_EVENT": "signal",
        "HAWKEYE_SID": "sid",
        "HAWKEYE_TYPE": fact.signal.type,
        "HAWKEYE_TO": fact.signal.to,
        "HAWKEYE_BYTES": 812,
        "HAWKEYE_DELIVERED": fact.delivered,
        **PLACE,
    }
    assert "secret" not in str(vars(record))


def test_client_without_a_room_has_a_line_without_one(caplog: pytest.LogCaptureFixture) -> None:
    FactLogger().record(rejected(peer_id="", sid="", room=""), 0.0)
    (record,) = caplog.records
    assert record.getMessage() == "refused a client from 10.0.0.2: too-large: too long"
    unknown = ("HAWKEYE_ROOM", "HAWKEYE_PEER", "HAWKEYE_SID")
    assert [fields(record)[name] for name in unknown] == [None, None, None]


def test_chatty_peer_gets_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    fact_log = FactLogger()
    for number in range(120):
        fact_log.record(delivered("ice-candidate"), number / 240)
    lines = len(caplog.records)
    assert lines < 120
    deadline = fact_log.next_deadline()
    assert (fact_log.summing, deadline is None) == (True, False)
    fact_log.write_sums(deadline or 0.0)
    assert (fact_log.summing, fact_log.next_deadline()) == (False, None)
    (record,) = caplog.records[lines:]
    assert record.levelname == "INFO"
    assert f"{120 - lines} more signals" in record.getMessage()
    assert fields(record) == {"HAWKEYE_EVENT": "sum", **PLACE}


def test_rejections_from_one_address_are_summed_too(caplog: pytest.LogCaptureFixture) -> None:
    fact_log = FactLogger()
    for _ in range(100):
        fact_log.record(rejected(peer_id="", room=""), 0.0)
    lines = len(caplog.records)
    fact_log.write_sums(1.0)
    (record,) = caplog.records[lines:]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"10.0.0.2: {100 - lines} more rejections")


def test_too_many_chatty_peers_are_summed_as_others(caplog: pytest.LogCaptureFixture) -> None:
    fact_log = FactLogger()
    for number in range(3000):
        fact_log.record(rejected(peer_id=f"p{number}"), 0.0)
    lines = len(caplog.records)
    fact_log.write_sums(1.0)
    (record,) = caplog.records[lines:]
    assert record.getMessage().startswith("others: ")
    assert fields(record)["HAWKEYE_ROOM"] is None


def test_quiet_log_counts_no_signals(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="signaling_server.logs.fact_log")
    fact_log = FactLogger()
    for _ in range(100):
        fact_log.record(delivered(), 0.0)
    assert (caplog.records, fact_log.next_deadline()) == ([], None)


def test_refused_callers_are_one_line_each_and_summed_when_they_flood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fact_log = FactLogger()
    for _ in range(100):
        fact_log.record(Refused("10.0.0.2", "old-client"), 0.0)
    lines = len(caplog.records)
    assert fields(caplog.records[0]) == {
        "HAWKEYE_EVENT": "refused",
        "HAWKEYE_ROOM": None,
        "HAWKEYE_ADDRESS": "10.0.0.2",
        "HAWKEYE_CODE": "old-client",
    }
    assert fact_log.summing
    fact_log.write_sums(1.0)
    (record,) = caplog.records[lines:]
    assert record.getMessage().startswith(f"10.0.0.2: {100 - lines} more rejections")
