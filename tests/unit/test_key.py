"""How a section states a key: a field that knows its type, its meaning and its restart."""

from __future__ import annotations

from dataclasses import dataclass, fields

from signaling_server.core.config.field_types import boolean
from signaling_server.core.config.key import key

BOOLEAN = boolean()


def test_key_is_a_field_with_its_type_meaning_and_restart() -> None:
    @dataclass(frozen=True)
    class Section:
        one: bool = key(True, BOOLEAN, "the first")
        two: bool = key(False, BOOLEAN, "the second", restart="off")

    one, two = fields(Section)
    assert Section() == Section(True, False)
    assert one.metadata == {"type": BOOLEAN, "doc": "the first", "restart": False}
    assert two.metadata["restart"] == "off"
