from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from signaling_server.core.protocol.refusals import (
    LAST,
    MAX_DETAIL,
    REASONS,
    Refusals,
    first_bytes,
    handshake_fault,
    shown,
)


@pytest.mark.parametrize("code", REASONS)
def test_every_code_has_a_reason_and_advice_in_one_line(code: str) -> None:
    sentence = Refusals().note(code, "10.0.0.1", 5.0).sentence
    assert sentence.isprintable()
    assert len(sentence) < 220
    assert all(REASONS[code])


def test_detail_says_why_in_this_case() -> None:
    refusal = Refusals().note("unknown-namespace", "10.0.0.1", 5.0, "no namespace '/gcom'")
    assert refusal.sentence.startswith("no namespace '/gcom'; connect to http://HOST:PORT/")
    assert len(Refusals().note("old-client", "x", 5.0, "y" * 999).why) == MAX_DETAIL


@pytest.mark.parametrize(
    ("query", "upgrades", "code", "detail"),
    [
        ("EIO=3&transport=polling", False, "old-client", ""),
        ("transport=polling", False, "old-client", "no Socket.IO client"),
        ("EIO=5&EIO=4", False, "old-client", "no Socket.IO client"),
        ("EIO=3&transport=polling&j=0", False, "jsonp", ""),
        ("EIO=4&transport=polling&j=", False, "", ""),
        ("EIO=4&transport=polling&sid=x&j=1", False, "jsonp", ""),
        ("EIO=4&transport=webtransport", False, "transport-off", '"webtransport"'),
        ("EIO=4&transport=a%0ab", False, "transport-off", r'"a\nb"'),
        ("EIO=4&transport=websocket", False, "upgrade-lost", ""),
        ("EIO=4&transport=websocket&sid=x", False, "upgrade-lost", ""),
        ("EIO=4&transport=websocket", True, "", ""),
        ("EIO=4&transport=polling", False, "", ""),
        ("EIO=4", False, "", ""),
        ("sid=x&transport=polling", False, "", ""),
    ],
)
def test_handshake_tells_a_client_of_the_wrong_kind(
    query: str, upgrades: bool, code: str, detail: str
) -> None:
    found = handshake_fault(parse_qs(query), upgrades, ("websocket", "polling"))
    assert (found[0] if found else "") == code
    assert not found or detail in found[1]


def test_transport_that_is_turned_off_is_told() -> None:
    found = handshake_fault(parse_qs("EIO=4&transport=polling"), False, ("websocket",))
    assert found == ("transport-off", 'its transport "polling" is turned off here, or unknown')


def test_what_a_caller_sent_is_cut_and_escaped() -> None:
    assert shown('é\n"' + "x" * 99) == r'"\u00e9\n\"' + "x" * 61 + '"'


def test_refusals_are_counted_by_code_from_zero() -> None:
    refusals = Refusals()
    assert set(refusals.counts) == set(REASONS)
    assert set(refusals.counts.values()) == {0}
    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        refusals.note("foreign-host", address, 5.0)
    assert refusals.counts["foreign-host"] == 3
    assert sum(refusals.counts.values()) == 3


def test_repeated_refusals_of_an_address_are_one_that_counts_them() -> None:
    refusals = Refusals()
    refusals.note("old-client", "10.0.0.1", 5.0)
    refusals.note("old-client", "10.0.0.2", 6.0)
    refusals.note("foreign-host", "10.0.0.1", 7.0)
    refusals.note("old-client", "10.0.0.1", 8.0, "again")
    told = [(one.address, one.code, one.times, one.at) for one in refusals.last()]
    assert told == [
        ("10.0.0.1", "old-client", 2, 8.0),
        ("10.0.0.1", "foreign-host", 1, 7.0),
        ("10.0.0.2", "old-client", 1, 6.0),
    ]
    assert refusals.last()[0].why == "again"


def test_the_last_ones_are_kept() -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.note("old-client", f"client-{number}", float(number))
        refusals.note("old-client", "client-0", float(number))
    assert len(refusals.last()) == LAST
    newest = refusals.last()[:2]
    assert [(one.address, one.times) for one in newest] == [("client-0", 1001), ("client-999", 1)]


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\nGET / HTTP/1.1\r\n",
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c",
    ],
)
def test_proxy_protocol_is_known_on_either_port(data: bytes, tls: bool) -> None:
    assert first_bytes(data, tls) == "proxy-protocol"


def test_tls_on_a_plain_port_and_the_other_way_round() -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"
    assert first_bytes(hello, tls=False) == "tls-on-plain-port"
    assert first_bytes(hello, tls=True) == ""
    for request in (b"GET / HTTP/1.1\r\n", b"POST /socket.io/", b"OPTIONS * HTTP/1.0"):
        assert first_bytes(request, tls=True) == "plain-on-tls-port"
        assert first_bytes(request, tls=False) == ""


@pytest.mark.parametrize(
    "data", [b"", b"\x16", b"P", b"PROXY", b"GET", b"\r\n", b"\x16\x02", b"\0"]
)
@pytest.mark.parametrize("tls", [True, False])
def test_other_or_too_few_bytes_tell_nothing(data: bytes, tls: bool) -> None:
    assert first_bytes(data, tls) == ""
