"""What a host of a fleet tells of itself: the JSON text of its record in Redis, and back."""

from __future__ import annotations

import json
from typing import Any, Iterable, NamedTuple

MOST_TEXT = 256
"""Characters of a text that is read."""


class HostRecord(NamedTuple):
    """One host. What it does not tell is "" or 0."""

    name: str = ""
    version: str = ""
    url: str = ""
    """For people: where its page is."""
    rooms: int = 0
    peers: int = 0
    rules: str = ""
    """The fingerprint of its room rules and tokens: those of all hosts have to be the same."""

    @property
    def text(self) -> str:
        """The record as it is stored."""
        return json.dumps(self._asdict(), separators=(",", ":"))


def parse_record(text: str) -> HostRecord:
    """Read a record; of what is not as it should be, the default counts."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        return HostRecord()
    default = HostRecord()
    good = {
        key: found[key]
        for key, value in default._asdict().items()
        if type(found.get(key)) is type(value) and _fits(found[key])
    }
    return default._replace(**good)


def _fits(value: Any) -> bool:
    return len(value) <= MOST_TEXT if type(value) is str else bool(value >= 0)


def differences(own: HostRecord, others: Iterable[HostRecord]) -> list[str]:
    """Sentences about hosts whose rules are not those of this one."""
    return [
        f"host {other.name} has other room rules or tokens than {own.name}: whoever serves a room"
        " decides"
        for other in sorted(others)
        if other.rules != own.rules
    ]
