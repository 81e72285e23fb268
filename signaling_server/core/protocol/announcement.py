"""The payload of an event that goes to many: its JSON text is made once, when it is needed first.

In a crowd everybody learns of everybody: a thousand peers are introduced a million times.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict

dumps: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
"""The JSON text of a payload, as short as it can be."""


class Announcement(Dict[str, Any]):
    """A payload that many share. Never change it."""

    __slots__ = ("_text",)

    _text: str

    @property
    def text(self) -> str:
        """Its JSON."""
        try:
            return self._text
        except AttributeError:
            self._text = dumps(self)
            return self._text


def text_of(payload: dict[str, Any]) -> str:
    """The JSON text of any payload."""
    return payload.text if isinstance(payload, Announcement) else dumps(payload)
