"""The shape of a JSON text, found without a step of Python for each of its values.

Goal: a signal may be 256 KiB of what its sender likes, such as 87,000 empty lists or 26,000
members. To check it must not cost more than to parse it, or one client within every limit keeps
the loop from relaying what others say.

Plan: an outline of the text, one byte for each bracket outside of strings, made with functions of
bytes alone, each linear: drop the escapes, drop what does not count, drop the strings. Its
running sum is the level of nesting. An outline is shortened before it is summed: leaves are cut
off, and runs of eight brackets become one byte.

For a text that is no JSON the outline is that of its beginning up to the fault, then anything.
"""

from __future__ import annotations

import json
import re
from array import array
from itertools import accumulate, compress
from typing import Callable, NamedTuple

MOST_FROM = 16
"""Members `from` of one object: each one is cut out by a step of Python."""

_OPENS, _CLOSES, _MARK = b"\x01", b"\xff", b"\0"
"""The bytes of an outline; as signed numbers, what they add to the level. A mark is a comma, or
where a key was.
"""
_BYTES = bytes.maketrans(b"{[}],", 2 * _OPENS + 2 * _CLOSES + _MARK)
_NO_COMMA = bytes(set(range(256)) - set(b'{[}]"' + _MARK))
_NO_MARK = bytes(set(range(256)) - set(b'{[}]",'))
_IS_MARK = bytes([1]) + bytes(255)
_LEAVES = 3
"""Rounds of cutting off leaves: after them at most a quarter of the brackets are innermost ones."""
_RUN = 8
_RUN_OPENS, _RUN_CLOSES = bytes([_RUN]), bytes([256 - _RUN])

_WHITESPACE = re.compile(r"[ \t\n\r]*")
# `"` comes first and the look behind it second: the search then leaps from quote to quote. A
# quote inside a string is escaped, and before the quote that begins a key there is no backslash.
_FROM = re.compile(
    r'("(?<!\\")(?:f|\\u0066)(?:r|\\u0072)(?:o|\\u006[fF])(?:m|\\u006[dD])"[ \t\n\r]*:[ \t\n\r]*)'
)
_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder(  # type: ignore[attr-defined]
    parse_int=float  # linear in the digits, and the value is of no interest
).scan_once


class Shape(NamedTuple):
    """How a JSON text is built."""

    containers: int
    """Objects and arrays in it."""
    values: int
    """Values in it, of all kinds; an empty container counts as two."""
    brackets: bytes
    """The outline, without marks."""

    @property
    def depth(self) -> int:
        """Levels of nesting: 1 for {}. Of duplicate keys a parser keeps one; here all count."""
        outline, cut = self.brackets, 0
        while cut < _LEAVES and outline:
            outline, cut = outline.replace(_OPENS + _CLOSES, b""), cut + 1
        outline = outline.replace(_RUN * _OPENS, _RUN_OPENS).replace(_RUN * _CLOSES, _RUN_CLOSES)
        return cut + max(accumulate(array("b", outline)), default=0)


def shape(text: str) -> Shape:
    """The shape of a JSON text."""
    outline = _outline(text, _NO_MARK)
    containers = outline.count(_OPENS)
    values = containers + outline.count(_MARK) + 1
    return Shape(containers, values, outline.replace(_MARK, b""))


def without_from(text: str) -> str:
    """A JSON object less its own members `from`, however they are spelled, and its closing brace.

    The object must have another member. Raises ValueError if there are more than MOST_FROM.
    """
    parts = _FROM.split(text)
    keys = _top_level(parts)
    if len(keys) > MOST_FROM:
        raise ValueError(f"from is in it {len(keys)} times")
    kept, at = [], 0
    for key in keys:
        value = sum(map(len, parts[: key + 1]))
        kept.append(text[at : value - len(parts[key])])
        at = _WHITESPACE.match(text, _scan(text, value)[1]).end()  # type: ignore[union-attr]
        at += text[at] == ","
    kept.append(text[at:].rstrip()[:-1])
    body = "".join(kept).rstrip()
    return body[:-1] if body.endswith(",") else body


def _top_level(parts: list[str]) -> list[int]:
    """Where in a text that is split at its keys `from` those of the outermost object are."""
    outline = _outline("\0".join(parts[::2]), _NO_COMMA)
    levels = compress(accumulate(array("b", outline)), outline.translate(_IS_MARK))
    return [2 * index + 1 for index, level in enumerate(levels) if level == 1]


def _outline(text: str, rest: bytes) -> bytes:
    """The outline of a text; `rest` are the bytes that do not count."""
    encoded = text.encode("utf-8", "surrogatepass")
    if b"\\" in encoded:
        encoded = encoded.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = encoded.translate(_BYTES, rest)
    # Every second piece between quotes is a string. Two quotes side by side change nothing of
    # that for the others, and there are many of them.
    return b"".join(brackets.replace(b'""', b"").split(b'"')[::2])
