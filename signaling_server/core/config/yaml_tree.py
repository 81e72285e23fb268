"""YAML text to a tree in which every value has its line and column.

The only module that imports PyYAML. It uses nothing but the parser's events, so that scalars stay
as written: what YAML 1.1 makes of `010`, `12:30:45` or `no` is seldom what was meant. It refuses
aliases and tags, which a configuration does not need: with them a short text could expand into a
huge tree, or construct Python objects.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Union

from signaling_server.errors import Complaint, ConfigError

MAX_DEPTH = 8
"""The deepest setting, a URL in the list of an ICE server, is 4 levels deep."""


class SourcePosition(NamedTuple):
    """A line and column, counted from 1; line 0: `file` is the whole origin, such as "--port"."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Scalar(NamedTuple):
    """One value, as written. `quoted` distinguishes `"8080"` from `8080`."""

    place: SourcePosition
    text: str
    quoted: bool

    @property
    def empty(self) -> bool:
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


class Sequence(NamedTuple):
    place: SourcePosition
    items: list[Node]


class Mapping(NamedTuple):
    """The pairs in the order written; a key may occur twice. `closed`: written in braces."""

    place: SourcePosition
    pairs: list[tuple[Node, Node]]
    closed: bool = False


Node = Union[Scalar, Sequence, Mapping]


def read(file: str, text: str) -> Node | None:
    """The tree of the one document in `text`, or None if it is empty.

    Raises ConfigError, with one complaint, if the text is not YAML or uses more of YAML than this.
    """
    import yaml  # takes longer to import than the rest of core, and not every start needs it

    try:
        loader = yaml.BaseLoader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        place = SourcePosition(file, len(before), len(before[-1]) + 1)
        raise _error(place, f"the character {error.character:#x} is not allowed in YAML") from None
    try:
        return _document(loader, file, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(_place(file, mark), _explained(error)) from None
    except (ValueError, OverflowError):  # what PyYAML raises for an escape such as "\UFFFFFFFF"
        raise _error(_place(file, loader), "not YAML: there is no such character") from None


def _document(loader: Any, file: str, yaml: Any) -> Node | None:
    def node(depth: int) -> Node:
        event = loader.get_event()
        place = _place(file, event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            raise _error(place, "aliases (*name) are not supported: write the value out")
        if event.tag:
            raise _error(place, "tags (!name) are not supported: write the plain value")
        if depth > MAX_DEPTH:
            raise _error(place, f"nested more than {MAX_DEPTH} levels deep: no setting is")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(place, event.value, quoted=event.style is not None)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not loader.check_event(yaml.SequenceEndEvent):
                items.append(node(depth + 1))
            loader.get_event()
            return Sequence(place, items)
        pairs = []
        while not loader.check_event(yaml.MappingEndEvent):
            pairs.append((node(depth + 1), node(depth + 1)))
        loader.get_event()
        return Mapping(place, pairs, bool(event.flow_style))

    loader.get_event()  # the stream starts
    if loader.check_event(yaml.StreamEndEvent):
        return None
    loader.get_event()  # the document starts
    root = node(1)
    loader.get_event()  # the document ends
    if not loader.check_event(yaml.StreamEndEvent):
        place = _place(file, loader.peek_event().start_mark)
        raise _error(place, "a second document starts here (---): a file may hold only one")
    return root


def _place(file: str, mark: Any) -> SourcePosition:
    return SourcePosition(file, mark.line + 1, mark.column + 1)


def _error(place: SourcePosition, text: str) -> ConfigError:
    return ConfigError([Complaint(*place, text)])


def _explained(error: Any) -> str:
    """What to do about the commonest mistakes; for others, PyYAML's own words."""
    if "'\\t'" in error.problem:
        return "a tab: YAML is indented with spaces only"
    if error.context == "while scanning an alias":
        return 'a * starts an alias in YAML: for the character itself write "*"'
    if error.problem == "mapping values are not allowed here":
        return "a colon is not allowed here: check the indentation, quote a value that has a colon"
    context = f" {error.context}" if error.context else ""
    return f"not YAML{context}: {error.problem}"
