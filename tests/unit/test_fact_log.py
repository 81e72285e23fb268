from __future__ import annotations

import logging
from typing import Any

import pytest

from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import Signal
from signaling_server.logs.fact_log import FactLogger

PLACE = {"HAWKEYE_ROOM": "drone-1", "HAWKEYE_PEER": "node"}
CONNECTION = {**PLACE, "HAWKEYE_SID": "sid", "HAWKEYE_ADDRESS": "10.0.0.2"}


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
    ("fact", "line", "event", "also"),
    [
        (
            PeerJoined("sid", "node", "drone-1", "10.0.0.2", "websocket", False),
            "node joined room drone-1 from 10.0.0.2 over websocket",
            "joined",
            CONNECTION,
        ),
        (
            PeerJoined("sid", "node", "drone-1", "10.0.0.2", "polling", True),
            "node rejoined room drone-1 from 10.0.0.2 over polling",
            "joined",
            CONNECTION,
        ),
        (
            PeerResumed("sid", "node", "drone-1", "10.0.0.2", "websocket", 3),
            "node is back in room drone-1 from 10.0.0.2 over websocket, 3 signals were waiting",
            "resumed",
            CONNECTION,
        ),
        (
            PeerReplaced("sid", "node", "drone-1", "10.0.0.2", "10.0.0.3"),
            "node in room drone-1: a newer connection from 10.0.0.3 replaces the one from 10.0.0.2",
            "replaced",
            CONNECTION,
        ),
        (
            PeerAway("sid", "node", "drone-1", "ping-timeout", 30.0),
            "node in room drone-1 lost its connection (ping-timeout), may come back within 30 s",
            "broke",
            {**PLACE, "HAWKEYE_SID": "sid"},
        ),
        (
            PeerLeft("sid", "node", "drone-1", "goodbye"),
            "node left room drone-1 (goodbye)",
            "left",
            {**PLACE, "HAWKEYE_SID": "sid"},
        ),
        (
            Disconnected("sid", "node", "drone-1", "10.0.0.2", "goodbye", 61.25, 7, 12),
            "connection of node from 10.0.0.2 ended (goodbye) after 61.2 s, 7 signals in, 12 out",
            "disconnected",
            CONNECTION,
        ),
        (
            HeldSignalsDelivered("node", "gcom", "drone-1", 2),
            "2 held signals of node went to gcom in room drone-1",
            "released",
            {**PLACE, "HAWKEYE_TO": "gcom"},
        ),
    ],
)
def test_life_of_a_peer_is_told_at_info(
    fact: Fact,
    line: str,
    event: str,
    also: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    FactLogger().note(fact, 0.0)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("INFO", line)
    assert fields(record) == {"HAWKEYE_EVENT": event, **also}


def test_expiry_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    FactLogger().note(HeldSignalsExpired("node", "drone-1", 3), 0.0)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "3 held signals of node in room drone-1 expired: nobody joined in time"
    )
    assert fields(record) == {"HAWKEYE_EVENT": "expired", "HAWKEYE_CODE": "expired", **PLACE}


def test_crowd_is_a_warning_that_names_who_they_are(caplog: pytest.LogCaptureFixture) -> None:
    FactLogger().note(RoomOverfull("drone-1", ("gcom", "node", "third"), 2), 0.0)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "3 peers in room drone-1, 2 expected: gcom, node, third"


def test_great_crowd_is_not_named_to_the_last(caplog: pytest.LogCaptureFixture) -> None:
    FactLogger().note(RoomOverfull("drone-1", tuple(f"p{number}" for number in range(21)), 2), 0.0)
    assert caplog.messages[0].endswith("p18, p19, ...")


@pytest.mark.parametrize(
    ("fact", "end"),
    [
        (delivered(), "offer from node to all in room drone-1, 812 bytes: delivered to 1"),
        (
            delivered("answer", to="gcom", count=0, held=1),
            "answer from node to gcom in room drone-1, 812 bytes: delivered to 0, held for 1",
        ),
    ],
)
def test_signal_is_told_without_its_body(
    fact: SignalAccepted, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    FactLogger().note(fact, 0.0)
    (record,) = caplog.records
    assert record.getMessage() == end
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


def test_refusal_names_the_client_as_well_as_it_can(caplog: pytest.LogCaptureFixture) -> None:
    narrator = FactLogger()
    narrator.note(rejected(), 0.0)
    narrator.note(rejected(peer_id="", sid="", room=""), 0.0)
    assert caplog.messages == [
        "refused node from 10.0.0.2: too-large: too long",
        "refused a client from 10.0.0.2: too-large: too long",
    ]
    known, unknown = map(fields, caplog.records)
    assert known == {"HAWKEYE_EVENT": "rejected", "HAWKEYE_CODE": "too-large", **CONNECTION}
    assert (unknown["HAWKEYE_ROOM"], unknown["HAWKEYE_PEER"]) == (None, None)


def test_talkative_peer_gets_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    narrator = FactLogger()
    for number in range(120):
        narrator.note(delivered("ice-candidate"), number / 240)
    lines = len(caplog.records)
    assert lines < 120
    deadline = narrator.next_deadline()
    assert deadline is not None
    narrator.tell_sums(deadline)
    assert narrator.next_deadline() is None
    (record,) = caplog.records[lines:]
    assert record.levelname == "INFO"
    assert f"{120 - lines} more signals" in record.getMessage()
    assert fields(record) == {"HAWKEYE_EVENT": "sum", **PLACE}


def test_refused_clients_of_one_address_are_summed_too(caplog: pytest.LogCaptureFixture) -> None:
    narrator = FactLogger()
    for _ in range(100):
        narrator.note(rejected(peer_id="", room=""), 0.0)
    lines = len(caplog.records)
    narrator.tell_sums(1.0)
    (record,) = caplog.records[lines:]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"10.0.0.2: {100 - lines} more rejections")


def test_too_many_talkers_are_summed_as_others(caplog: pytest.LogCaptureFixture) -> None:
    narrator = FactLogger()
    for number in range(3000):
        narrator.note(rejected(peer_id=f"p{number}"), 0.0)
    lines = len(caplog.records)
    narrator.tell_sums(1.0)
    (record,) = caplog.records[lines:]
    assert record.getMessage().startswith("others: ")
    assert fields(record)["HAWKEYE_ROOM"] is None


def test_quiet_log_counts_no_signals(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="signaling_server.logs.fact_log")
    narrator = FactLogger()
    for _ in range(100):
        narrator.note(delivered(), 0.0)
    assert (caplog.records, narrator.next_deadline()) == ([], None)
