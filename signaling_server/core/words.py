"""Numbers in words."""

from __future__ import annotations

from typing import Sequence


def plural(number: int, thing: str) -> str:
    """Such as "1 signal" and "2 signals"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def ago(seconds: float) -> str:
    """Such as "12 s" and "3 h": the longer ago the coarser, so that it seldom changes."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds)} s"


def listed(words: Sequence[str]) -> str:
    """Such as "H264, VP8 and AV1"."""
    return ", ".join(words[:-1]) + " and " * (len(words) > 1) + "".join(words[-1:])


def first(words: Sequence[str], count: int) -> str:
    """The first `count` of them, with an ellipsis if there are more: "gcom, node, ..."."""
    return ", ".join(words[:count]) + (", ..." if len(words) > count else "")
