"""The types of keys about addresses, host names, origins, and the rules of `names:`.

The modules that judge a request by these values also say what is wrong with one.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from signaling_server.core.config.field_types import (
    Complaints,
    FieldType,
    ListOf,
    ScalarOr,
    mapping_items,
    string,
)
from signaling_server.core.config.yaml_tree import Node, Scalar
from signaling_server.core.config.yaml_tree import Sequence as SequenceNode
from signaling_server.core.protocol import naming
from signaling_server.core.protocol.forwarded import check_trusted
from signaling_server.core.protocol.hosts import name_complaint
from signaling_server.core.protocol.naming import Rule
from signaling_server.core.protocol.origins import NULL, NULL_MEANS, origin_complaint


class _Judged:
    """A type whose values something else judges as well: `fault` is a sentence, or ""."""

    def __init__(self, type: FieldType, fault: Callable[[Any], str]) -> None:
        self._type, self._fault = type, fault

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        before = len(complaints.all)
        value = self._type.read(node, key, complaints)
        if len(complaints.all) == before:
            fault = self._fault(value)
            if fault:
                complaints.add(node.place, key, f"{key}: {fault}")
        return value


def _proxies_fault(texts: Sequence[str]) -> str:
    return "; ".join(check_trusted(texts))


HOST_NAMES = ListOf(
    _Judged(string("a host name, such as drone-1.example"), name_complaint),
    "a list of host names, such as [drone-1.example]",
)
TRUSTED_PROXIES = _Judged(
    ListOf(
        string("an address or a network, such as 10.0.0.0/24"),
        "a list of addresses and networks, such as [127.0.0.1]",
    ),
    _proxies_fault,
)
_SOME_ORIGINS = 'auto, "*" for any origin, or a list of one or more'


class _OriginType:
    """An origin as browsers send it, or null with or without quotes: browsers send that, too."""

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        if isinstance(node, Scalar) and node.text == NULL:
            return NULL
        return self._other.read(node, key, complaints)

    _other = _Judged(string("an origin like https://gcom.example:8443"), origin_complaint)


ORIGINS = ScalarOr(string(_SOME_ORIGINS, r"\*|auto"), ListOf(_OriginType(), _SOME_ORIGINS, least=1))

_MEMBERS: dict[str, FieldType] = {name: string("text") for name in Rule._fields}


class _RuleType:
    """A mapping with the fields of Rule. Its values are judged together with all other rules."""

    def read(self, node: Node, key: str, complaints: Complaints) -> Rule | None:
        before = len(complaints.all)
        members: dict[str, Any] = {
            name: _MEMBERS[name].read(value, f"{key}.{name}", complaints)
            for name, value in mapping_items(node, key, _MEMBERS, (), complaints)
        }
        if len(complaints.all) == before and "name" not in members:
            complaints.add(node.place, key, f"{key} has no name, which is what a rule gives")
        return Rule(**members) if len(complaints.all) == before else None


_RULES = ListOf(_RuleType(), f"a list of mappings of {', '.join(Rule._fields)}")


class _NamingType:
    """A list of rules, read as a tuple."""

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        before = len(complaints.all)
        rules: Any = _RULES.read(node, key, complaints)
        if len(complaints.all) == before and isinstance(node, SequenceNode):
            for number, member, text in naming.complaints(rules):
                row = f"{key}[{number}]"
                named = f"{row}.{member}" if member else row
                complaints.add(node.items[number].place, key, f"{named}: {text}")
        return rules


NAMING = _NamingType()


def remarks(origins: str | Sequence[str]) -> list[str]:
    """What check-config says about values that are valid, but mean more than they seem to."""
    if isinstance(origins, str) or NULL not in origins:
        return []
    return [f"socketio.cors_allowed_origins: {NULL_MEANS}"]
