"""The types of configuration keys: each reads a node of the YAML tree, or says what is wrong.

A complaint reads `KEY is VALUE, but must be EXPECTED; ADVICE`. The operator gets all complaints at
once: a type that refuses a node adds to the `Complaints` and returns None, and the reading goes on.
"""

from __future__ import annotations

import json
import re
from typing import Callable, Collection, Iterator, Protocol

from signaling_server.core.config.yaml_tree import Mapping, Node, Scalar, Sequence, SourcePosition
from signaling_server.core.names import NAME, NAME_RULE
from signaling_server.errors import Complaint

MOST = 2**31 - 1
"""What every system call, JSON reader and timer can take."""
SHOWN = 60
"""Characters of a wrong value that a complaint repeats."""

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,15})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,15})(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_MEANINGS = (
    (re.compile(r"~|null", re.I), "nothing"),
    (re.compile(r"y|n|yes|no|on|off|true|false", re.I), "true or false"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[-+]?0[0-9_]+"), "a number in base 8"),
    (re.compile(r"[-+]?0[box][0-9a-f_]+", re.I), "a number in base 2, 8 or 16"),
    (re.compile(r"[-+]?\.inf|\.nan", re.I), "infinity or no number at all"),
    (re.compile(r"[-+]?(\.[0-9]|[0-9])[0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?", re.I), "a number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"), "a date"),
)
"""What YAML 1.1 makes of an unquoted word: https://yaml.org/type/"""


class Complaints:
    """Everything wrong so far, and the keys concerned."""

    def __init__(self) -> None:
        self.all: list[Complaint] = []
        self.keys: set[str] = set()

    def add(self, place: SourcePosition, key: str, text: str) -> None:
        self.all.append(Complaint(*place, text))
        self.keys.add(key.partition("[")[0])


class FieldType(Protocol):
    """What a key may hold, and how it is read."""

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        """The value of `node`; None, and one more complaint, if it is not of this type."""


class Single:
    """One scalar. `parse` returns its value, or raises ValueError.

    `null`: an empty scalar is None. `secret`: a complaint never repeats the value. `why`: the
    reason for a limit, added to every complaint.
    """

    def __init__(
        self,
        expected: str,
        parse: Callable[[Scalar], object],
        *,
        null: bool = False,
        secret: bool = False,
        why: str = "",
    ) -> None:
        self._expected = f"{expected}, or null" if null else expected
        self._parse, self._null, self._secret, self._why = parse, null, secret, why

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        advice = [self._why] if self._why else []
        if isinstance(node, Scalar):
            if self._null and node.empty:
                return None
            try:
                return self._parse(node)
            except ValueError:
                advice = [*self._about_quotes(node), *advice]
        value = "not shown here" if self._secret else shown(node)
        sentence = "; ".join([f"{key} is {value}, but must be {self._expected}", *advice])
        complaints.add(node.place, key, sentence)
        return None

    def _about_quotes(self, node: Scalar) -> list[str]:
        meaning = "" if node.quoted else yaml_meaning(node.text)
        try:
            self._parse(node._replace(quoted=not node.quoted))
        except ValueError:
            return [f"YAML reads it as {meaning}"] if meaning not in ("", "a number") else []
        if node.quoted:
            return ["remove the quotes"]
        return [f"YAML reads it as {meaning}: put it in quotes"]


class ListOf:
    """A list of items of one type, read as a tuple of at least `least`."""

    def __init__(self, item: FieldType, expected: str, *, least: int = 0) -> None:
        self._item, self._expected, self._least = item, expected, least

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        if isinstance(node, Sequence) and len(node.items) >= self._least:
            return tuple(
                self._item.read(item, f"{key}[{index}]", complaints)
                for index, item in enumerate(node.items)
            )
        complaints.add(node.place, key, f"{key} is {shown(node)}, but must be {self._expected}")
        return None


class ScalarOr:
    """One type for a scalar, another for a list or a mapping."""

    def __init__(self, scalar: FieldType, other: FieldType) -> None:
        self._scalar, self._other = scalar, other

    def read(self, node: Node, key: str, complaints: Complaints) -> object:
        type = self._scalar if isinstance(node, Scalar) else self._other
        return type.read(node, key, complaints)


def integer(least: int = 1, most: int = MOST, why: str = "") -> Single:
    """An int from `least` to `most`."""

    def parse(scalar: Scalar) -> int:
        if scalar.quoted or not _WHOLE.fullmatch(scalar.text):
            raise ValueError
        if not least <= int(scalar.text) <= most:
            raise ValueError
        return int(scalar.text)

    expected = f"a whole number from {least} to {most}" if least < most else str(least)
    return Single(expected, parse, why=why)


def float_(least: float, most: float) -> Single:
    """A float from `least` to `most`, written with or without a fraction."""

    def parse(scalar: Scalar) -> float:
        if scalar.quoted or not _NUMBER.fullmatch(scalar.text):
            raise ValueError
        if not least <= float(scalar.text) <= most:
            raise ValueError
        return float(scalar.text)

    return Single(f"a number from {least:.15g} to {most:.15g}", parse)


def boolean() -> Single:
    """A bool, as any of YAML 1.1's words for it."""

    def parse(scalar: Scalar) -> bool:
        if scalar.quoted or scalar.text.lower() not in _TRUTH:
            raise ValueError
        return _TRUTH[scalar.text.lower()]

    return Single("true or false", parse)


def one_of(*words: str) -> Single:
    """One of `words`, quoted or not."""

    def parse(scalar: Scalar) -> str:
        if scalar.text not in words:
            raise ValueError
        return scalar.text

    return Single(f"{', '.join(words[:-1])} or {words[-1]}", parse)


def string(
    expected: str, pattern: str = ".+", *, null: bool = False, secret: bool = False
) -> Single:
    """One printable line; a word that YAML 1.1 does not read as text must be in quotes."""
    allowed = re.compile(pattern)

    def parse(scalar: Scalar) -> str:
        if not scalar.quoted and yaml_meaning(scalar.text):
            raise ValueError
        if not (scalar.text.isprintable() and allowed.fullmatch(scalar.text)):
            raise ValueError
        return scalar.text

    return Single(expected, parse, null=null, secret=secret)


FILE = string("the path of a file", null=True)
ROOM = string(NAME_RULE, NAME.pattern)
ENDPOINT = string("a path like /socket.io, without a slash at the end", r"(/[A-Za-z0-9._~-]+)+")
HOST = string(
    "an IP address or a host name, without port or brackets",
    r"[A-Za-z0-9._-]+|(?=.*:.*:)[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?",
)
TRANSPORTS = ListOf(one_of("websocket", "polling"), "a list of websocket, polling or both", least=1)


def mapping_items(
    node: Node | None,
    key: str,
    known: Collection[str],
    elsewhere: Collection[str],
    complaints: Complaints,
) -> Iterator[tuple[str, Node]]:
    """The items of the mapping `node`, named `key`, whose names are `known`; others are refused.

    `elsewhere` holds dotted keys such as "listen.port", to say where a misplaced one belongs.
    """
    if node is None or (isinstance(node, Scalar) and node.empty):
        return  # such as `listen:` with nothing under it
    if not isinstance(node, Mapping):
        expected = f"must be a mapping of {', '.join(known)}"
        complaints.add(node.place, key, f"{key or 'the file'} is {shown(node)}, but {expected}")
        return
    first: dict[str, int] = {}
    for name, value in node.pairs:
        if not isinstance(name, Scalar):
            complaints.add(name.place, key, f"a key is {shown(name)}, but must be one word")
            continue
        if name.text in first:
            already = f"already set in line {first[name.text]}"
            complaints.add(name.place, key, f"duplicate key {shown(name)}: {already}")
        first.setdefault(name.text, name.place.line)
        if name.text in known:
            yield name.text, value
        else:
            nearest = _nearest(name.text, known, elsewhere)
            complaints.add(name.place, key, f"unknown key {shown(name)}; {nearest}")


def shown(node: Node) -> str:
    """A value as a complaint repeats it: short and printable, on one line."""
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if isinstance(node, Mapping):
        return "a mapping"
    if not (node.text or node.quoted):
        return "empty"
    start = node.text if len(node.text) <= SHOWN else node.text[:SHOWN] + "..."
    return json.dumps(start) if node.quoted or not start.isprintable() else start


def yaml_meaning(word: str) -> str:
    """What YAML 1.1 reads an unquoted word as; "" if it reads the word itself."""
    return next((meaning for pattern, meaning in _MEANINGS if pattern.fullmatch(word)), "")


def _nearest(word: str, known: Collection[str], elsewhere: Collection[str]) -> str:
    import difflib  # slow to import, and needed only for a mistake

    close = difflib.get_close_matches(word.lower(), known, n=1)
    close = close or [name for name in elsewhere if name.rpartition(".")[2] == word]
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
