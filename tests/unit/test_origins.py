from __future__ import annotations

from typing import Sequence

import pytest

from signaling_server.core.protocol.hosts import own_names
from signaling_server.core.protocol.origins import (
    NULL_MEANS,
    Origin,
    origin_complaint,
    origin_refusal,
    own_origin,
    parse_origin,
)

NAMES = own_names("drone-1", ["gcom.example"], [])


def refusal(
    origin: str | None,
    policy: str | Sequence[str] = "auto",
    tokens: bool = False,
    scheme: str = "http",
    host: str = "8.8.8.8:8080",
) -> str:
    return origin_refusal(origin, policy, tokens, scheme, host, NAMES)


@pytest.mark.parametrize(
    ("text", "origin", "spelled"),
    [
        ("https://gcom.example", Origin("https", "gcom.example", 443), "https://gcom.example"),
        ("HTTPS://GCOM.Example:443", Origin("https", "gcom.example", 443), "https://gcom.example"),
        ("http://gcom.example:443", Origin("http", "gcom.example", 443), "http://gcom.example:443"),
        ("http://[::1]:8080", Origin("http", "::1", 8080), "http://[::1]:8080"),
        ("http://[0::1]", Origin("http", "::1", 80), "http://[::1]"),
        ("capacitor://localhost", Origin("capacitor", "localhost", None), "capacitor://localhost"),
        ("app://x:5", Origin("app", "x", 5), "app://x:5"),
        ("file://", Origin("file", "", None), "file://"),
    ],
)
def test_origin_is_read_in_one_spelling(text: str, origin: Origin, spelled: str) -> None:
    assert parse_origin(text) == origin
    assert str(origin) == spelled


@pytest.mark.parametrize(
    "text",
    [
        *("null", "", "gcom.example", "://gcom.example", "http://", "https://", "1x://a"),
        *("http://a/", "http://a b", "http://a http://b", "http://a:99999", "http://u@a"),
    ],
)
def test_what_is_no_origin_is_none(text: str) -> None:
    assert parse_origin(text) is None


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        ("http://8.8.8.8:8080", "http", "8.8.8.8:8080"),
        ("http://drone-1.local", "http", "drone-1.local:80"),
        ("https://gcom.example", "https", "GCOM.example"),
        ("https://gcom.example:8443", "https", "gcom.example:8443"),
        ("http://[2001:db8::1]:8080", "http", "[2001:DB8::1]:8080"),
    ],
)
def test_own_origin_always_passes(origin: str, scheme: str, host: str) -> None:
    parsed = parse_origin(origin)
    assert parsed
    assert own_origin(parsed, scheme, host, NAMES)
    for policy in ("auto", "*", [], ["https://other.example"]):
        assert refusal(origin, policy, scheme=scheme, host=host) == ""


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        ("http://8.8.8.8:8080", "http", "8.8.8.8:8081"),
        ("http://8.8.8.8:8080", "https", "8.8.8.8:8080"),
        ("http://8.8.4.4:8080", "http", "8.8.8.8:8080"),
        ("http://evil.example", "http", "evil.example"),
        ("http://evil.example", "http", ""),
    ],
)
def test_rebound_name_and_other_ports_are_not_own(origin: str, scheme: str, host: str) -> None:
    parsed = parse_origin(origin)
    assert parsed
    assert not own_origin(parsed, scheme, host, NAMES)
    assert refusal(origin, [], scheme=scheme, host=host)
    assert refusal(origin, "auto", scheme=scheme, host=host)


@pytest.mark.parametrize("policy", ["auto", "*", [], ["https://gcom.example"]])
def test_request_without_an_origin_passes(policy: str | list[str]) -> None:
    assert refusal(None, policy) == ""


@pytest.mark.parametrize(
    "origin", ["http://192.168.1.10:3000", "https://gcom.lan", "http://localhost:5173", "http://x"]
)
def test_pages_of_local_networks_pass_by_default(origin: str) -> None:
    assert refusal(origin) == ""
    assert refusal(origin, []), "a list is complete but for the own origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "chrome-extension://abcdef", "file://", "http://8.8.4.4"]
)
def test_foreign_pages_are_refused_by_default_unless_tokens_are_wanted(origin: str) -> None:
    reason = refusal(origin)
    assert repr(origin) in reason
    assert "is not allowed: it is neither this server's own nor of a local network" in reason
    assert "\n" not in reason
    assert refusal(origin, tokens=True) == ""
    assert refusal(origin, "*") == ""
    assert refusal(origin, [origin]) == ""


def test_null_has_to_be_listed() -> None:
    assert "any site can send it" in refusal("null")
    assert refusal("null", tokens=True)
    assert refusal("null", ["https://gcom.example"])
    assert refusal("null", ["null"]) == ""
    assert refusal("null", "*") == "", "the operator said: any"
    assert "sandboxed" in NULL_MEANS


def test_listed_origins_pass_and_no_others() -> None:
    listed = ["null", "https://gcom.example", "http://10.0.0.5:3000"]
    for origin in listed:
        assert refusal(origin, listed) == ""
    for origin in ("http://gcom.example", "https://gcom.example:8443", "https://a.gcom.example"):
        assert "is not listed" in refusal(origin, listed)


@pytest.mark.parametrize("origin", ["", "x", "http://a http://b", "\n" * 500])
def test_malformed_origin_is_refused(origin: str) -> None:
    for policy in ("auto", [], [origin]):
        reason = refusal(origin, policy, tokens=True)
        assert "an origin is such as" in reason
        assert len(reason) < 400
        assert "\n" not in reason


def test_refusal_names_the_proxy_where_only_scheme_or_port_differ() -> None:
    words = "behind a proxy, set listen.trusted_proxies"
    assert words in refusal("https://8.8.8.8", host="8.8.8.8")
    assert words in refusal("https://gcom.example", [], host="gcom.example:8080")
    assert words not in refusal("https://evil.example", host="8.8.8.8")
    assert words not in refusal("https://evil.example", host="")


@pytest.mark.parametrize(
    "text",
    [
        *("null", "https://gcom.example", "http://10.0.0.1:3000", "http://[::1]:3000", "file://"),
        *("capacitor://localhost", "https://xn--bcher-kva.example", "http://gcom.example:443"),
    ],
)
def test_origin_that_can_match_is_no_complaint(text: str) -> None:
    assert origin_complaint(text) == ""


@pytest.mark.parametrize(
    ("text", "why", "right"),
    [
        ("gcom.example", "a scheme", "https://gcom.example"),
        ("GCOM.example:3000/x", "a scheme", "https://gcom.example:3000"),
        ("wss://gcom.example", "scheme of the page", "https://gcom.example"),
        ("ws://gcom.example:80", "scheme of the page", "http://gcom.example"),
        ("https://GCOM.example", "lower case", "https://gcom.example"),
        ("HTTPS://gcom.example", "lower case", "https://gcom.example"),
        ("https://gcom.example/", "no slash", "https://gcom.example"),
        ("https://gcom.example/call?x=http://y", "no path", "https://gcom.example"),
        ("https://gcom.example#x", "no path", "https://gcom.example"),
        ("https://gcom.example:443", "no port", "https://gcom.example"),
        ("http://gcom.example:080", "no port", "http://gcom.example"),
        ("http://[0::1]", "one spelling", "http://[::1]"),
        (" https://gcom.example", "one spelling", "https://gcom.example"),
        ("https://b\u00fccher.example", "one spelling", "https://xn--bcher-kva.example"),
        ("https://user@gcom.example", "one spelling", "https://gcom.example"),
    ],
)
def test_origin_that_never_matches_is_given_in_the_right_spelling(
    text: str, why: str, right: str
) -> None:
    complaint = origin_complaint(text)
    assert "matches nothing" in complaint
    assert why in complaint
    assert complaint.endswith(f"write {right!r}")
    assert origin_complaint(right) == ""


@pytest.mark.parametrize("text", ["https://*.gcom.example", "*", "http://localhost:*"])
def test_star_inside_an_origin_stands_for_nothing(text: str) -> None:
    assert 'cors_allowed_origins: "*"' in origin_complaint(text)


@pytest.mark.parametrize(
    "text", ["", "https://", "http://a b", "https://" + "x" * 300, "https://.."]
)
def test_what_is_no_origin_is_told_with_an_example(text: str) -> None:
    assert "an origin is such as https://gcom.example" in origin_complaint(text)
