"""Files in conf.d that are not read, though somebody may think so; and empty ones that are."""

from __future__ import annotations

from fnmatch import fnmatchcase

SUFFIX = ".yaml"
NO_STRAYS = (
    ".*",  # hidden: what editors and version control leave
    "README*",
    *("*~", "#*#", "*.bak", "*.old", "*.orig", "*.save", "*.sw[op]"),  # backups
    *("*.dpkg-*", "*.ucf-*"),  # what a package manager sets aside
)
"""Names in conf.d that nobody takes for configuration."""


def is_read(name: str) -> bool:
    """Whether a file of this name in conf.d is read."""
    return name.endswith(SUFFIX) and not name.startswith(".")


def stray(name: str) -> str:
    """What is wrong with a file of this name in conf.d; "" if nothing is."""
    if is_read(name) or any(fnmatchcase(name, pattern) for pattern in NO_STRAYS):
        return ""
    if name.lower().endswith((".yml", ".yaml")):
        return f"is not read: rename it to {name.rpartition('.')[0]}{SUFFIX}"
    return f"is not read: only files in {SUFFIX} are"


def empty(text: str) -> str:
    """What is wrong with a file of this text; "" if nothing is. Comments are a text."""
    return "" if text.strip(" \t\r\n\ufeff") else "is empty: was it cut short?"
