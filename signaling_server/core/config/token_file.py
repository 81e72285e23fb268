"""The file of tokens (auth.tokens_file): its text is read into `Tokens`, and its lines are written."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Iterable

from signaling_server.core.config.field_types import (
    Complaints,
    Kind,
    ListOf,
    Single,
    one_of,
    pairs,
    text,
)
from signaling_server.core.config.yaml_tree import Node, Scalar, read
from signaling_server.core.protocol.auth import Grant, Tokens, digest
from signaling_server.core.protocol.hello import NAME
from signaling_server.errors import ConfigError


def _date(scalar: Scalar) -> float:
    written = scalar.text.strip().replace("Z", "+00:00")
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


_NAME_WORDS = "1 to 64 characters of A-Z a-z 0-9 . _ -"
_KINDS: dict[str, Kind] = {
    "id": text("1 to 32 characters of a-z 0-9", r"[a-z0-9]{1,32}"),
    "sha256": text("64 characters of 0-9 a-f, in quotes", r"[0-9a-f]{64}"),
    "name": text(_NAME_WORDS, NAME.pattern),
    "role": text("up to 64 characters", r".{1,64}"),
    "rooms": ListOf(text(_NAME_WORDS, NAME.pattern), "a list of rooms", least=1),
    "can": ListOf(one_of("signal", "status"), "a list of signal, status or both", least=1),
    "expires": Single("a date like 2027-01-31 or 2027-01-31T12:00:00Z", _date),
}
_NEEDED = ("id", "sha256", "name")


class _GrantKind:
    """One token: a mapping."""

    def read(self, node: Node, key: str, refusals: Complaints) -> Grant | None:
        before = len(refusals.complaints)
        found: dict[str, Any] = {
            name: _KINDS[name].read(value, f"{key}.{name}", refusals)
            for name, value in pairs(node, key, _KINDS, (), refusals)
        }
        missing = [name for name in _NEEDED if name not in found]
        if missing and len(refusals.complaints) == before:
            refusals.add(node.place, key, f"{key} has no {' and no '.join(missing)}")
        return Grant(**found) if len(refusals.complaints) == before else None


def parse_tokens(file: str, content: str, released: float) -> Tokens:
    """The tokens of a file's text: `tokens:`, a list of mappings. Raises ConfigError."""
    refusals = Complaints()
    grants: list[Grant] = []
    for _, node in pairs(read(file, content), "", ("tokens",), (), refusals):
        if isinstance(node, Scalar) and node.empty:
            continue
        found = ListOf(_GrantKind(), "a list of tokens").read(node, "tokens", refusals)
        if isinstance(found, tuple):
            grants += [grant for grant in found if grant is not None]
        _refuse_twins(node, refusals, grants)
    if refusals.complaints:
        raise ConfigError(refusals.complaints)
    return Tokens(grants, released)


def _refuse_twins(node: Node, refusals: Complaints, grants: list[Grant]) -> None:
    ids = [grant.id for grant in grants]
    for twin in sorted({one for one in ids if ids.count(one) > 1}):
        refusals.add(node.place, "tokens", f"the id {twin} is there more than once")


def file_line(token: str, token_id: str, name: str, role: str | None, rooms: Iterable[str]) -> str:
    """The line for the tokens file."""
    parts = [f"id: {token_id}", f'sha256: "{digest(token)}"', f'name: "{name}"']
    if role:
        parts.append(f"role: {json.dumps(role, ensure_ascii=False)}")
    listed = ", ".join(f'"{room}"' for room in rooms)
    if listed:
        parts.append(f"rooms: [{listed}]")
    return f"  - {{{', '.join(parts)}}}"
