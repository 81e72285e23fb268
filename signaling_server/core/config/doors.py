"""Doors that must not open by accident: tokens and TLS, once on, are turned off in writing only.

A file that is cut short (a full disk, a power cut, an editor) may be valid YAML all the same: it
then sets less. What it no longer sets falls back to the default, which for these keys is "open".
So a closed door opens only where a file says `null`, at a start; a reload never opens one.
"""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import value_of
from signaling_server.errors import Complaint, ConfigError

DOORS = {
    "auth.tokens_file": "this server required tokens",
    "tls.certificate": "this server used TLS",
}
"""The keys that close a door, and what was so while they were set."""

Closed = Mapping[str, str]
"""Of each closed door, by its key, the file that closes it."""


def closed(loaded: Loaded) -> dict[str, str]:
    """The doors that this configuration closes."""
    return {
        key: loaded.origins.get(key, "").rpartition(":")[0]
        for key in DOORS
        if value_of(loaded.config, key) is not None
    }


def refuse_accidents(before: Closed, loaded: Loaded) -> None:
    """Raise ConfigError if a door that was closed `before` would be open without a decision."""
    opened = [key for key in before if key in DOORS and key not in closed(loaded)]
    accidents = [key for key in opened if not _decided(key, before[key], loaded)]
    if accidents:
        raise ConfigError([_complaint(key, before[key]) for key in accidents])


def refuse_nobody(loaded: Loaded) -> None:
    """Raise ConfigError if tokens are required but none is listed: a reload would end everybody."""
    if loaded.tokens is not None and not len(loaded.tokens):
        text = "no token is listed, so nobody could connect: the file may be cut short; restore it"
        raise ConfigError([Complaint(loaded.config.auth.tokens_file or "", 0, 0, text)])


def _decided(key: str, closed_by: str, loaded: Loaded) -> bool:
    """Whether a written `null` opens the door.

    One in an earlier file than the one that closed the door is no decision: it was overridden, and
    comes to light when the later file is cut short.
    """
    if key not in loaded.nulls:
        return False
    written_in = loaded.origins[key].rpartition(":")[0]
    return written_in not in loaded.files[: _position(closed_by, loaded.files)]


def _position(file: str, files: tuple[str, ...]) -> int:
    return files.index(file) if file in files else 0


def _complaint(key: str, file: str) -> Complaint:
    section, _, name = key.partition(".")
    text = (
        f"{DOORS[key]}, and {key} is no longer set: the configuration may be cut short. Restore it;"
        f" or write `{section}: {{{name}: null}}` here, and restart, to do without"
    )
    return Complaint(file, 0, 0, text)
