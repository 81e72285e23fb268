"""Addresses, host names, origins and rules in the configuration."""

from __future__ import annotations

import pytest

from signaling_server.core.config import yaml_tree
from signaling_server.core.config.field_types import Complaints, FieldType
from signaling_server.core.config.network_types import (
    HOST_NAMES,
    NAMING,
    ORIGINS,
    TRUSTED_PROXIES,
    remarks,
)
from signaling_server.core.protocol.naming import Rule


def reading(type: FieldType, yaml: str) -> object:
    """What `type` reads, or the complaints, each after its column."""
    node = yaml_tree.read("f.yaml", yaml)
    assert node is not None
    complaints = Complaints()
    value = type.read(node, "key", complaints)
    if not complaints.all:
        return value
    assert complaints.keys == {"key"}
    return "\n".join(f"{complaint.column}: {complaint.text}" for complaint in complaints.all)


def test_origins() -> None:
    assert reading(ORIGINS, '"*"') == "*"
    assert reading(ORIGINS, "auto") == "auto"
    listed = "[http://a, 'https://b:8443', capacitor://localhost, 'null', null]"
    origins = ("http://a", "https://b:8443", "capacitor://localhost", "null", "null")
    assert reading(ORIGINS, listed) == origins


@pytest.mark.parametrize("value", ["[]", "https://a", "'null'"])
def test_origins_are_a_list(value: str) -> None:
    told = 'but must be auto, "*" for any origin, or a list of one or more'
    assert told in str(reading(ORIGINS, value))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("HTTPS://GCOM.example", "write 'https://gcom.example'"),
        ("https://gcom.example:443", "write 'https://gcom.example'"),
        ("https://gcom.example/", "write 'https://gcom.example'"),
        ("wss://gcom.example/socket.io", "write 'https://gcom.example'"),
        ("https://*.example", "matches nothing"),
        ('"*"', "matches nothing"),
        ("auto", "write 'https://auto'"),
        ("~", "put it in quotes"),
    ],
)
def test_origin_that_matches_nothing_is_refused_with_the_right_spelling(
    wrong: str, told: str
) -> None:
    complaint = str(reading(ORIGINS, f"[http://a, {wrong}]"))
    assert complaint.startswith("12: key[1]")
    assert told in complaint


def test_host_names() -> None:
    assert reading(HOST_NAMES, "[drone-1.example, '*.drone.example']") == (
        "drone-1.example",
        "*.drone.example",
    )
    assert "key[0]: 'http://a' is no host name" in str(reading(HOST_NAMES, "['http://a']"))


def test_proxies() -> None:
    assert reading(TRUSTED_PROXIES, "[127.0.0.1, '10.0.0.0/24']") == ("127.0.0.1", "10.0.0.0/24")
    assert "must be a list of addresses" in str(reading(TRUSTED_PROXIES, "127.0.0.1"))


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "'::/0'", "0.0.0.0/1, 128.0.0.0/1"])
def test_nobody_may_trust_everybody(everybody: str) -> None:
    assert "would trust everybody" in str(reading(TRUSTED_PROXIES, f"[{everybody}]"))


def test_rules() -> None:
    text = "[{name: node, address: 10.0.0.2}, {name: gcom, user_agent: '*Mozilla*', room: a}]"
    assert reading(NAMING, text) == (
        Rule("node", address="10.0.0.2"),
        Rule("gcom", room="a", user_agent="*Mozilla*"),
    )
    assert reading(NAMING, "[]") == ()


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("{name: a}", "1: key is a mapping, but must be a list of mappings of name, room"),
        ("[a]", "2: key[0] is a, but must be a mapping of name"),
        ("[{room: a}]", "2: key[0] has no name"),
        ("[{nmae: a}]", "3: unknown key nmae; did you mean name?"),
        ("[{name: 5}]", "9: key[0].name is 5, but must be text"),
        ("[{name: a b}]", "2: key[0].name: a name is 1 to 64 characters"),
        ("[{name: a, address: 10.0.0.1/8}]", "2: key[0].address: '10.0.0.1/8' has bits"),
        ("[{name: a}, {name: b}]", "13: key[1]: rule 2 ('b') never matches: rule 1 ('a')"),
    ],
)
def test_rule_that_cannot_be_used_is_refused(rules: str, told: str) -> None:
    assert str(reading(NAMING, rules)).startswith(told)


def test_null_is_remarked_upon() -> None:
    assert "any site can send it" in remarks(("http://a", "null"))[0]
    assert remarks(("http://a",)) == remarks("*") == remarks("auto") == []
