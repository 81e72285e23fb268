"""How the sections of the configuration state a key."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeVar, Union

from signaling_server.core.config.field_types import FieldType

T = TypeVar("T")

Restart = Union[bool, Literal["on or off", "off"]]
"""Whether a change of a key needs a restart: never, always, where it is or was null, where it is
null."""


def key(default: T, type: FieldType, doc: str, *, restart: Restart = False) -> T:
    """A key of the configuration: a field that knows its type and its meaning.

    `doc` says what the key is, in at most 60 characters with the mark of `restart`, so that a line
    of etc/example.yaml fits into 100 columns.
    """
    return field(default=default, metadata={"type": type, "doc": doc, "restart": restart})
