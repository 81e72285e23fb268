from __future__ import annotations

from typing import Any

import pytest

from signaling_server.core.fleet.batch import (
    FIELD,
    RECORD,
    BadBatch,
    BadRecord,
    Batch,
    encode_batch,
    encode_record,
    parse_batch,
    parse_records,
)
from signaling_server.core.fleet.mac import signer
from signaling_server.core.fleet.records import (
    Admitted,
    Again,
    Answered,
    Beat,
    Bye,
    Denied,
    Gone,
    HelloHost,
    Join,
    Liveness,
    Passed,
    Report,
    Say,
    Shut,
    Told,
    Withdrawn,
)

SIGN = signer(b"secret")
RECORDS: list[Any] = [
    Join("sid", {"room": "drone-1", "name": None}),
    Say("sid", "", "offer", None, 10, '{"type":"offer"'),
    Say("sid", "7", "answer", "gcom", 10, '{"type":"answer"'),
    Say("sid", "7", "answer", f'a{FIELD}"{RECORD}\ud800', 10, "{"),
    Gone("sid", "ping-timeout", False),
    Report("sid", "{}"),
    Liveness("sid", 2),
    Withdrawn(("one", "two")),
    Admitted("sid"),
    Denied("sid", {"code": "moved"}),
    Passed("sid", "node:1", 2**52, "{"),
    Told("sid", "peer_joined", '{"peer_id":"ü"}'),
    Answered("sid", "3", '{"ok":true}'),
    Shut("sid", "replaced", True),
    HelloHost("b1", 1, 2),
    Beat(5, 6, -1),
    Beat(5, 6, 7),
    Bye(),
    Again(),
]
BATCH = Batch("a1", "g1", "g2", 3, 4, RECORD.join(map(encode_record, RECORDS)))


def test_a_batch_arrives_as_it_was_sent() -> None:
    batch = parse_batch(encode_batch(BATCH, SIGN), SIGN)
    assert batch == BATCH
    assert parse_records(batch.body) == RECORDS


def test_a_batch_may_be_empty_and_may_not_know_the_other_generation() -> None:
    batch = BATCH._replace(yours="", body="")
    assert parse_batch(encode_batch(batch, SIGN), SIGN) == batch
    assert parse_records("") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\x1fg1\x1f", "\x1fg3\x1f"),  # not signed
        ("\x1f3\x1f", "\x1f4\x1f"),
        ("sid", "sie"),
        ("1\x1fa1", "2\x1fa1"),
        ("a1\x1f", ""),
        ("\x1e", ""),
    ],
)
def test_a_changed_batch_is_refused(old: str, new: str) -> None:
    text = encode_batch(BATCH, SIGN)
    changed = text.replace(old, new)
    assert changed != text
    with pytest.raises(BadBatch):
        parse_batch(changed, SIGN)


@pytest.mark.parametrize(
    "batch",
    [
        BATCH._replace(sender="a b"),
        BATCH._replace(generation=""),
        BATCH._replace(yours="ü"),
        BATCH._replace(number=-1),
        BATCH._replace(acked=10**16),
    ],
)
def test_a_signed_head_has_ids_and_numbers(batch: Batch) -> None:
    with pytest.raises(BadBatch, match="not a"):
        parse_batch(encode_batch(batch, SIGN), SIGN)


@pytest.mark.parametrize(
    "fields",
    [
        ("Y", "sid"),
        ("",),
        ("A",),
        ("A", "sid", "more"),
        ("A", "s d"),
        ("J", "sid", "[]"),
        ("J", "sid", "{"),
        ("J", "sid", "[" * 100_000),
        ("X", "{}"),
        ("X", "[1]"),
        ("S", "sid", "x", "offer", "", "1", "{"),
        ("S", "sid", "", "hangup", "", "1", "{"),
        ("S", "sid", "", "offer", "1", "1", "{"),
        ("S", "sid", "", "offer", "", "-1", "{"),
        ("S", "sid", "", "offer", "", "1", "["),
        ("F", "sid", 'a"b', "1", "{"),
        ("L", "sid", "lost", "2"),
        ("L", "sid", "LOST!", "1"),
        ("E", "sid", "welcome", "[]"),
        ("E", "sid", "welcome", "{"),
    ],
)
def test_a_record_that_is_not_as_agreed_is_a_violation(fields: tuple[str, ...]) -> None:
    with pytest.raises(BadRecord):
        parse_records(FIELD.join(fields) or FIELD)


def test_a_later_version_may_add_what_may_be_skipped() -> None:
    assert parse_records(RECORD.join([f"y{FIELD}more", f"A{FIELD}sid"])) == [Admitted("sid")]
