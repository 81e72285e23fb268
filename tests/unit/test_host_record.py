"""What hosts tell of themselves in Redis, and what differs."""

from __future__ import annotations

import json

import pytest

from signaling_server.core.fleet.batch import Sign
from signaling_server.core.fleet.host_record import (
    MOST_LONE,
    MOST_TEXT,
    ForeignRecord,
    HostRecord,
    differences,
    parse_record,
)
from signaling_server.core.fleet.mac import signer
from signaling_server.core.insight.roles import UNKNOWN, VIEWER
from signaling_server.core.lone_peer import LonePeer

LONE = LonePeer("gcom", "drone1", VIEWER), LonePeer("peer-1", "drone.2", UNKNOWN)
A = HostRecord("a", "1.0", "https://a", 3, 4, "rules", LONE)
OPEN, SECRET = signer(b""), signer(b"secret")


@pytest.mark.parametrize("sign", [OPEN, SECRET], ids=["open", "secret"])
def test_record_is_read_as_it_was_written(sign: Sign) -> None:
    assert parse_record(A.text("1f", sign), "1f", sign) == A


def test_record_of_another_instance_is_foreign() -> None:
    with pytest.raises(ForeignRecord):
        parse_record(A.text("1f", SECRET), "2f", SECRET)


@pytest.mark.parametrize("other", [OPEN, signer(b"other")], ids=["open", "other"])
def test_record_with_another_secret_is_foreign(other: Sign) -> None:
    for one, reader in ((SECRET, other), (other, SECRET)):
        with pytest.raises(ForeignRecord):
            parse_record(A.text("1f", one), "1f", reader)


def test_record_that_was_changed_is_foreign() -> None:
    text = A.text("1f", SECRET)
    for changed in (text.replace("https://a", "https://b"), text[1:], "", "\ud800 {}"):
        with pytest.raises(ForeignRecord):
            parse_record(changed, "1f", SECRET)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "7"])
def test_what_is_no_record_tells_nothing(text: str) -> None:
    assert parse_record(f" {text}", "1f", OPEN) == HostRecord()


def test_of_what_is_not_as_it_should_be_the_default_counts() -> None:
    text = ' {"name":7,"version":"1","rooms":-1,"peers":true,"rules":"%s","more":1}' % ("x" * 257)
    assert parse_record(text, "1f", OPEN) == HostRecord(version="1")
    most = "x" * MOST_TEXT
    assert parse_record(f' {{"rules":"{most}"}}', "1f", OPEN) == HostRecord(rules=most)


def test_hosts_with_other_rules_are_named() -> None:
    b, c = A._replace(name="b", rules="other"), A._replace(name="c")
    (sentence,) = differences(A, [c, b])
    assert sentence.startswith("host b has other room rules or tokens than a")


@pytest.mark.parametrize(
    "bad",
    [
        7,
        ["gcom", "drone1"],
        ["gcom", "drone1", 7],
        ["gcom", "drone1", "a pilot"],
        ["gcom", "drone 1", VIEWER],
        ["gcom\x1b", "drone1", VIEWER],
        ["", "drone1", VIEWER],
    ],
)
def test_of_lone_peers_those_count_that_are_as_they_should_be(bad: object) -> None:
    body = json.dumps({"lone": [bad, ["gcom", "drone1", VIEWER]]})
    assert parse_record(f" {body}", "1f", OPEN).lone == LONE[:1]


def test_so_many_lone_peers_are_read_and_no_more() -> None:
    many = A._replace(lone=LONE * MOST_LONE)
    assert parse_record(many.text("1f", OPEN), "1f", OPEN).lone == many.lone[:MOST_LONE]
    assert parse_record(' {"lone":{}}', "1f", OPEN).lone == ()
