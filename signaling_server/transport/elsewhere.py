"""What the transport asks of a fleet: where a room is served. Without one, every room is here."""

from __future__ import annotations

from typing import Iterable, Protocol

from signaling_server.transport.edge import EdgeDoor


class Elsewhere(Protocol):
    """The hosts of the fleet, as the transport knows them."""

    async def door(self, room: str) -> EdgeDoor | None:
        """The way to the host that serves a room; None: this one does. Raises Rejection.

        It does not suspend for a room that is known.
        """

    def moved(self, room: str) -> None:
        """The host behind the door of a room does not serve it."""

    def serves(self, room: str) -> bool:
        """Whether this host serves a room, of which another host believes it."""

    def withdraw(self, gone: Iterable[str], valid: Iterable[str]) -> None:
        """Tell all hosts which grants are no longer valid; `valid` are, both by fingerprint."""
