"""A peer that is alone in its room, as this host knows it, and hosts of a fleet tell each other."""

from __future__ import annotations

from typing import NamedTuple


class LonePeer(NamedTuple):
    """A peer that is alone in its room."""

    peer_id: str
    room: str
    kind: str
    """Of insight/roles.py."""
    host: str = ""
    """The name of the host that serves the room; "": this one."""

    @property
    def where(self) -> str:
        """Its room, and the host of it, in words."""
        return f"{self.room} on host {self.host}" if self.host else self.room
