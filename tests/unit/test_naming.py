from __future__ import annotations

import pytest

from signaling_server.core.protocol.naming import (
    MAX_MATCHED,
    NamingRules,
    Rule,
    complaints,
    may_take,
)

NODE = Rule("streaming-node", role="node", user_agent="Python/*aiohttp/*")
GCOM = Rule("gcom", room="drone-1", origin="https://gcom.example")
LAPTOP = Rule("laptop", address="192.168.1.10")
OTHERS = Rule("guest", address="192.168.0.0/16", origin="http://*", user_agent="Mozilla/*")


def found(
    *rules: Rule, address: str = "10.0.0.1", origin: str | None = None, agent: str | None = None
) -> str:
    """The name that a client is given; "" for none."""
    rule = NamingRules(rules).find(address, origin, agent)
    return rule.name if rule else ""


def test_first_rule_whose_conditions_all_fit_gives_the_name() -> None:
    rules = (NODE, GCOM, LAPTOP, OTHERS)
    agent = "Mozilla/5.0 (X11)"
    assert found(*rules, agent="Python/3.11 aiohttp/3.9.1") == "streaming-node"
    assert found(*rules, origin="https://gcom.example", agent=agent) == "gcom"
    assert found(*rules, origin="http://x", agent=agent, address="192.168.1.10") == "laptop"
    assert found(*rules, origin="http://x", agent=agent, address="192.168.9.9") == "guest"
    assert found(*rules, origin="https://x", agent=agent, address="192.168.9.9") == ""
    assert found(*rules, origin="http://x", agent="curl/8", address="192.168.9.9") == ""
    assert found(*rules, origin="http://x", agent=agent) == ""


def test_rule_without_conditions_fits_everybody() -> None:
    assert found(Rule("anybody"), address="") == "anybody"
    assert found() == ""


@pytest.mark.parametrize("text", [None, ""])
def test_condition_does_not_fit_what_is_not_there(text: str | None) -> None:
    assert found(Rule("x", origin="*"), origin=text) == ""
    assert found(Rule("x", user_agent="*"), agent=text) == ""
    assert found(Rule("x", address="0.0.0.0/0"), address=text or "") == ""


def test_address_is_compared_in_any_spelling_and_patterns_by_case() -> None:
    assert found(LAPTOP, address="::ffff:192.168.1.10") == "laptop"
    assert found(Rule("x", address="fe80::/10"), address="fe80::1%eth0") == "x"
    assert found(Rule("x", address="::/0"), address="10.0.0.1") == ""
    assert found(NODE, agent="python/3.11 aiohttp/3.9.1") == ""


def test_long_header_is_cut_before_it_is_matched() -> None:
    assert found(Rule("x", user_agent="a*b"), agent="a" + "x" * MAX_MATCHED + "b") == ""
    assert found(Rule("x", user_agent="a*"), agent="a" * 10 * MAX_MATCHED) == "x"


@pytest.mark.parametrize("same_address", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_name_passes_from_absent_and_unresponsive_holders(same_address: bool, closed: bool) -> None:
    assert may_take(True, False, same_address, closed)
    assert may_take(False, True, same_address, closed)


def test_name_of_a_holder_that_lives_passes_only_to_its_own_address_after_a_break() -> None:
    assert may_take(False, False, same_address=True, closed=True)
    assert not may_take(False, False, same_address=True, closed=False)
    assert not may_take(False, False, same_address=False, closed=True)
    assert not may_take(False, False, same_address=False, closed=False)


def test_rules_that_can_all_match_are_no_complaint() -> None:
    assert complaints([NODE, GCOM, LAPTOP, OTHERS, Rule("anybody")]) == []
    assert complaints([]) == []


@pytest.mark.parametrize(
    ("rule", "key", "words"),
    [
        (Rule("a b"), "name", "a name is 1 to 64 characters"),
        (Rule(""), "name", "a name is"),
        (Rule("x", room="a/b"), "room", "a room is"),
        (Rule("x", role=""), "role", "a role is"),
        (Rule("x", role="a\nb"), "role", "printable"),
        (Rule("x", role="x" * 65), "role", "1 to 64"),
        (Rule("x", address="10.0.0.1/8"), "address", "write '10.0.0.0/8'"),
        (Rule("x", address="drone"), "address", "no address"),
        (Rule("x", origin="https://GCOM.example"), "origin", "write 'https://gcom.example'"),
        (Rule("x", origin=""), "origin", "is no origin"),
        (Rule("x", user_agent=""), "user_agent", "a pattern is 1 to"),
        (Rule("x", user_agent="x" * 257), "user_agent", "a pattern is 1 to"),
        (Rule("x", user_agent="*a" * 5), "user_agent", "at most 4 stars"),
        (Rule("x", origin="*a" * 5), "origin", "at most 4 stars"),
        (Rule("x", origin="http://GCOM*"), "origin", "browsers send lower case"),
        (Rule("x", origin="http://gcom:*/"), "origin", "has no path and no slash"),
        (Rule("x", origin="http://gcom.example/*"), "origin", "has no path and no slash"),
        (Rule("x", origin="http://[fd00::1]:3000"), "origin", "write 'http://[[]fd00::1]:3000'"),
    ],
)
def test_bad_value_is_told_with_its_rule_and_key(rule: Rule, key: str, words: str) -> None:
    first, *_ = complaints([LAPTOP, rule])
    assert (first.rule, first.key) == (1, key)
    assert words in first.text


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("http://[[]fd00::1]:3000", "http://[fd00::1]:3000"),
        ("http://[A-Za-z]*", "http://gcom"),
        ("http://[!/]*", "http://gcom"),
        ("*/gcom", "http://gcom"),
        ("http*", "http://gcom"),
    ],
)
def test_pattern_that_fits_an_origin_is_no_complaint(pattern: str, origin: str) -> None:
    rule = Rule("x", origin=pattern)
    assert complaints([rule]) == []
    assert NamingRules([rule]).find("10.0.0.1", origin, None) == rule


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (Rule("a"), NODE),
        (Rule("a"), Rule("a")),
        (LAPTOP, LAPTOP),
        (LAPTOP, Rule("b", address="192.168.1.10/32", origin="http://*")),
        (Rule("a", address="192.168.0.0/16"), LAPTOP),
        (Rule("a", address="fc00::/7"), Rule("b", address="fd00::1")),
        (Rule("a", origin="*"), GCOM),
        (Rule("a", origin="*"), Rule("b", origin="http://[a-f]*")),
        (Rule("a", origin="https://*"), GCOM),
        (Rule("a", origin="https://*"), Rule("b", origin="https://*.exam?le")),
        (Rule("a", user_agent="Python*"), Rule("b", user_agent="Python/*aio*")),
        (Rule("a", origin="https://[g]*"), Rule("b", origin="https://[g]*")),
    ],
)
def test_rule_behind_one_that_takes_all_its_clients_never_matches(
    earlier: Rule, later: Rule
) -> None:
    (complaint,) = complaints([Rule("z", address="8.8.8.8"), earlier, later])
    assert (complaint.rule, complaint.key) == (2, "")
    assert f"rule 3 ('{later.name}') never matches: rule 2" in complaint.text


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (NODE, Rule("a")),
        (LAPTOP, Rule("b", address="192.168.0.0/16")),
        (Rule("a", address="10.0.0.0/8"), Rule("b", address="fd00::1")),
        (Rule("a", address="fc00::/7"), Rule("b", address="10.0.0.1")),
        (Rule("a", address="10.0.0.0/8"), Rule("b", origin="http://*")),
        (GCOM, Rule("b", origin="https://*")),
        (Rule("a", origin="https://?"), Rule("b", origin="https://*")),
        (Rule("a", origin="https://[a-z]*"), Rule("b", origin="https://g*")),
        (Rule("a", origin="https://a*"), Rule("b", origin="https://[ab]*")),
        (Rule("a b", address="10.0.0.0/8"), Rule("c", address="10.0.0.1")),
    ],
)
def test_rule_with_clients_of_its_own_is_no_complaint(earlier: Rule, later: Rule) -> None:
    assert [c for c in complaints([earlier, later]) if c.rule == 1] == []
