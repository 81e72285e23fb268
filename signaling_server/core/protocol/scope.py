"""Which rooms a reader of the status may see: those of its token."""

from __future__ import annotations

from typing import NamedTuple


class Scope(NamedTuple):
    """Some rooms, or all."""

    rooms: tuple[str, ...] = ()
    """Empty: every room, as in a token."""

    @property
    def is_whole(self) -> bool:
        """Whether it is every room, and what belongs to none."""
        return not self.rooms

    def covers(self, room: str) -> bool:
        """Whether a room is one of them."""
        return self.is_whole or room in self.rooms


ALL = Scope()
