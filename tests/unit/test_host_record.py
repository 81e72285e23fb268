"""What hosts tell of themselves in Redis, and what differs."""

from __future__ import annotations

import pytest

from signaling_server.core.fleet.host_record import HostRecord, differences, parse_record

A = HostRecord("a", "1.0", "https://a", 3, 4, "rules")


def test_record_is_read_as_it_was_written() -> None:
    assert parse_record(A.text) == A


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "7"])
def test_what_is_no_record_tells_nothing(text: str) -> None:
    assert parse_record(text) == HostRecord()


def test_of_what_is_not_as_it_should_be_the_default_counts() -> None:
    text = '{"name":7,"version":"1","rooms":-1,"peers":true,"rules":"%s","more":1}' % ("x" * 257)
    assert parse_record(text) == HostRecord(version="1")


def test_hosts_with_other_rules_are_named() -> None:
    b, c = A._replace(name="b", rules="other"), A._replace(name="c")
    (sentence,) = differences(A, [c, b])
    assert sentence.startswith("host b has other room rules or tokens than a")
