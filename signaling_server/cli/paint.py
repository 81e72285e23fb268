"""Lines for a terminal: in colour where that is wanted, and never in control of it."""

from __future__ import annotations

from typing import Mapping, TextIO

from signaling_server.core.reporting.status_text import Line

_CODES = {"title": "1", "alarm": "1;31", "warning": "33", "good": "32", "dim": "2"}
"""ECMA-48, select graphic rendition."""
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""Clears the screen and what has scrolled out of it."""


def wants_colours(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to write in colour: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return stream.isatty() and not plain


def paint(line: Line, colours: bool) -> str:
    """The text, in the colours of its style if `colours`."""
    text = line.printable
    if not colours or not line.style or not text:
        return text
    return f"\x1b[{_CODES[line.style]}m{text}\x1b[0m"
