"""The file of tokens (auth.tokens_file): reads its text into `Tokens`, and writes its lines.

A file may be cut short by a full disk or a power cut. Tokens that are lost connect nobody, but a
last entry that has lost its `rooms`, `can` or `expires` would allow more than it was written for.
So the last entry has to show that it is whole (`_refuse_cut`).
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from typing import Any, Iterable

from signaling_server.core.config.field_types import (
    Complaints,
    FieldType,
    ListOf,
    Single,
    mapping_items,
    one_of,
    string,
)
from signaling_server.core.config.yaml_tree import Mapping, Node, Scalar, Sequence, read
from signaling_server.core.names import NAME, NAME_RULE
from signaling_server.core.protocol.auth import Grant, Tokens, digest
from signaling_server.errors import ConfigError


def _date(scalar: Scalar) -> float:
    written = scalar.text.strip().replace("Z", "+00:00")
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


_FIELDS: dict[str, FieldType] = {
    "id": string("1 to 32 characters of a-z 0-9", r"[a-z0-9]{1,32}"),
    "sha256": string("64 characters of 0-9 a-f, in quotes", r"[0-9a-f]{64}"),
    "name": string(NAME_RULE, NAME.pattern),
    "role": string("1 to 64 characters", r".{1,64}"),
    "rooms": ListOf(string(NAME_RULE, NAME.pattern), "a list of rooms", least=1),
    "can": ListOf(one_of("signal", "status"), "a list of signal, status or both", least=1),
    "expires": Single("a date like 2027-01-31 or 2027-01-31T12:00:00Z", _date),
}
_NEEDED = ("id", "sha256", "name")
_LAST = "sha256"
"""The key that shows an entry to be whole: it is needed, and a part of its value is refused."""
_END = "..."
"""The line that ends a YAML document (YAML 1.2, section 9.1.2)."""


class _GrantType:
    """A mapping of what one token allows, read as a Grant."""

    def read(self, node: Node, key: str, complaints: Complaints) -> Grant | None:
        before = len(complaints.all)
        members: dict[str, Any] = {
            name: _FIELDS[name].read(value, f"{key}.{name}", complaints)
            for name, value in mapping_items(node, key, _FIELDS, (), complaints)
        }
        missing = [name for name in _NEEDED if name not in members]
        if missing and len(complaints.all) == before:
            complaints.add(node.place, key, f"{key} has no {' and no '.join(missing)}")
        return Grant(**members) if len(complaints.all) == before else None


def parse_tokens(file: str, content: str, released: float) -> Tokens:
    """The tokens in a file's text: `tokens:`, a list of mappings. Raises ConfigError."""
    complaints = Complaints()
    grants: list[Grant] = []
    for _, node in mapping_items(read(file, content), "", ("tokens",), (), complaints):
        if isinstance(node, Scalar) and node.empty:
            continue
        listed = ListOf(_GrantType(), "a list of tokens").read(node, "tokens", complaints)
        if isinstance(listed, tuple):
            grants += [grant for grant in listed if grant is not None]
        _refuse_duplicates(node, complaints, grants)
        if content.rstrip().rpartition("\n")[2] != _END:
            _refuse_cut(node, complaints)
    if complaints.all:
        raise ConfigError(complaints.all)
    return Tokens(grants, released)


def _refuse_duplicates(node: Node, complaints: Complaints, grants: list[Grant]) -> None:
    times = Counter(grant.id for grant in grants)
    for duplicate in sorted(id for id, number in times.items() if number > 1):
        complaints.add(node.place, "tokens", f"the id {duplicate} is used more than once")


def _refuse_cut(node: Node, complaints: Complaints) -> None:
    """Refuse a last entry of which a line may be missing."""
    entry = node.items[-1] if isinstance(node, Sequence) and node.items else None
    if not isinstance(entry, Mapping) or entry.closed:
        return
    key = entry.pairs[-1][0]
    if not isinstance(key, Scalar) or key.text != _LAST:
        text = (
            f"the last token may have lost a line, if the file was cut short: "
            f"end the file with a line {_END}, write {_LAST} last, or write the token in braces"
        )
        complaints.add(entry.place, "tokens", text)


def file_line(token: str, token_id: str, name: str, role: str | None, rooms: Iterable[str]) -> str:
    """The line of the file that lists this token; it does not contain the token itself."""
    parts = [f"id: {token_id}", f'sha256: "{digest(token)}"', f'name: "{name}"']
    if role:
        parts.append(f"role: {json.dumps(role, ensure_ascii=False)}")
    listed = ", ".join(f'"{room}"' for room in rooms)
    if listed:
        parts.append(f"rooms: [{listed}]")
    return f"  - {{{', '.join(parts)}}}"
