"""The file of tokens (auth.tokens_file): reads its text into `Tokens`, and writes its lines."""

from __future__ import annotations

import json
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
from signaling_server.core.config.yaml_tree import Node, Scalar, read
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
    if complaints.all:
        raise ConfigError(complaints.all)
    return Tokens(grants, released)


def _refuse_duplicates(node: Node, complaints: Complaints, grants: list[Grant]) -> None:
    ids = [grant.id for grant in grants]
    for duplicate in sorted({id for id in ids if ids.count(id) > 1}):
        complaints.add(node.place, "tokens", f"the id {duplicate} is used more than once")


def file_line(token: str, token_id: str, name: str, role: str | None, rooms: Iterable[str]) -> str:
    """The line of the file that lists this token; it does not contain the token itself."""
    parts = [f"id: {token_id}", f'sha256: "{digest(token)}"', f'name: "{name}"']
    if role:
        parts.append(f"role: {json.dumps(role, ensure_ascii=False)}")
    listed = ", ".join(f'"{room}"' for room in rooms)
    if listed:
        parts.append(f"rooms: [{listed}]")
    return f"  - {{{', '.join(parts)}}}"
