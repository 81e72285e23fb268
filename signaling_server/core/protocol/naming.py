"""Names for clients that bring none: the rules of `names:` in the configuration.

A client whose code is fixed has neither name nor room in its URL, and so comes back as somebody
else after every break. What the server sees of it (address, page, program) gives it a name then.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from typing import Iterator, NamedTuple, Sequence

from signaling_server.core.names import NAME
from signaling_server.core.protocol.addresses import (
    Network,
    parse_address,
    parse_network,
    within,
)
from signaling_server.core.protocol.hello import MAX_ROLE
from signaling_server.core.protocol.hosts import shown
from signaling_server.core.protocol.origins import origin_complaint

MAX_MATCHED = 256
"""Characters of a header that a pattern sees: matching takes longer than the text is long."""
MAX_STARS = 4
"""Stars of a pattern, for the same reason."""

_WILDCARDS = re.compile(r"[*?\[]")
_SET = re.compile(r"\[!?\]?[^\]]*\]")
_IPV6 = re.compile(r"://\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]")
_PLACEHOLDER = "\ue000"
_NAME_WORDS = "1 to 64 characters of A-Z a-z 0-9 . _ -"


class Rule(NamedTuple):
    """One rule; conditions that are None fit everybody."""

    name: str
    room: str | None = None
    """A result, never a condition: where the client goes if it gave no room."""
    role: str | None = None
    address: str | None = None
    """Condition: the client's address, or the network that it is in (CIDR)."""
    origin: str | None = None
    """Condition: a shell pattern for the page's Origin."""
    user_agent: str | None = None
    """Condition: a shell pattern for the first MAX_MATCHED characters of User-Agent."""


class Complaint(NamedTuple):
    """What is wrong with a rule."""

    rule: int
    """Counts from 0."""
    key: str
    """Of the rule; "" for the rule as a whole."""
    text: str


class NamingRules:
    """The rules, ready to be asked; `complaints(rules)` is empty."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, _network(rule)) for rule in rules]

    def find(self, address: str, origin: str | None, user_agent: str | None) -> Rule | None:
        """The first rule whose conditions all fit; None if there is none."""
        for rule, network in self._rules:
            if (
                _address_fits(network, address)
                and _pattern_fits(rule.origin, origin)
                and _pattern_fits(rule.user_agent, user_agent)
            ):
                return rule
        return None


def _network(rule: Rule) -> Network | None:
    return None if rule.address is None else parse_network(rule.address)


def _address_fits(network: Network | None, text: str) -> bool:
    if network is None:
        return True
    address = parse_address(text)
    return address is not None and within(address, [network])


def _pattern_fits(pattern: str | None, text: str | None) -> bool:
    return pattern is None or (bool(text) and fnmatchcase((text or "")[:MAX_MATCHED], pattern))


def may_take(absent: bool, unresponsive: bool, same_address: bool, closed: bool) -> bool:
    """Whether a client that a rule names may have the name of its holder.

    `absent`: nobody is connected under it; `unresponsive`: the holder does not answer pings;
    `same_address`: it has the newcomer's address; `closed`: its connection is closed (a poll that
    broke off). Otherwise the newcomer stays unnamed: two tabs must not put each other out.
    """
    return absent or unresponsive or (same_address and closed)


def complaints(rules: Sequence[Rule]) -> list[Complaint]:
    """What is wrong with the rules: bad values, and rules that can never match."""
    found: list[Complaint] = []
    for number, rule in enumerate(rules):
        bad = [Complaint(number, key, text) for key, text in _faults(rule)]
        found += bad or _shadowed(number, rules)
    return found


def _faults(rule: Rule) -> Iterator[tuple[str, str]]:
    for key, name in (("name", rule.name), ("room", rule.room)):
        if name is not None and not NAME.fullmatch(name):
            yield key, f"a {key} is {_NAME_WORDS}, not {shown(name)}"
    if rule.role is not None and not (rule.role.isprintable() and 0 < len(rule.role) <= MAX_ROLE):
        yield "role", f"a role is 1 to {MAX_ROLE} printable characters"
    if rule.address is not None:
        try:
            parse_network(rule.address)
        except ValueError as error:
            yield "address", str(error)
    if rule.origin is not None:
        whole = not _WILDCARDS.search(rule.origin)
        fault = origin_complaint(rule.origin) if whole else _pattern_fault(rule.origin)
        if fault:
            yield "origin", fault
    for key, pattern in (("origin", rule.origin), ("user_agent", rule.user_agent)):
        if pattern is not None and not (0 < len(pattern) <= MAX_MATCHED):
            yield key, f"a pattern is 1 to {MAX_MATCHED} characters"
        elif pattern is not None and pattern.count("*") > MAX_STARS:
            yield key, f"a pattern has at most {MAX_STARS} stars"


def _pattern_fault(pattern: str) -> str:
    """Why no origin of a browser fits a pattern with wildcards; "" if some do, or may."""
    if _IPV6.search(pattern):
        right = _IPV6.sub(r"://[[]\1]", pattern)
        return f"{shown(pattern)} matches nothing, because [...] is one character: write {right!r}"
    literal = _SET.sub("?", pattern)
    if literal != literal.lower():
        return f"{shown(pattern)} matches nothing, because browsers send lower case"
    if "/" in literal.partition("://")[2]:
        return f"{shown(pattern)} matches nothing, because an origin has no path and no slash"
    return ""


def _shadowed(number: int, rules: Sequence[Rule]) -> list[Complaint]:
    """A complaint if an earlier rule without faults takes all clients of this one."""
    later = rules[number]
    for position, earlier in enumerate(rules[:number]):
        if not any(_faults(earlier)) and _covers(earlier, later):
            text = (
                f"rule {number + 1} ({shown(later.name)}) never matches: rule {position + 1}"
                f" ({shown(earlier.name)}) comes first and fits all its clients"
            )
            return [Complaint(number, "", text)]
    return []


def _covers(earlier: Rule, later: Rule) -> bool:
    """Whether whoever fits the later rule fits the earlier one; some that do are not seen."""
    return (
        _network_covers(earlier.address, later.address)
        and _pattern_covers(earlier.origin, later.origin)
        and _pattern_covers(earlier.user_agent, later.user_agent)
    )


def _network_covers(wide: str | None, narrow: str | None) -> bool:
    if wide is None or narrow is None:
        return wide is None
    outer, inner = parse_network(wide), parse_network(narrow)
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _pattern_covers(wide: str | None, narrow: str | None) -> bool:
    if wide is None or narrow is None:
        return wide is None
    if wide in (narrow, "*"):
        return True
    if "[" in narrow or "?" in wide or "[" in wide:
        return False
    # Only stars of the wide one match the placeholder of the narrow one's wildcards.
    return fnmatchcase(_WILDCARDS.sub(_PLACEHOLDER, narrow), wide)
