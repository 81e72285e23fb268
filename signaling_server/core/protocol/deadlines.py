"""What happens to peers by time alone, so that an idle server need not wake up to look."""

from __future__ import annotations

from signaling_server.core.protocol.peers import Peer


class Deadlines:
    """When something is due, for each peer that waits for a time. Seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[Peer, float] = {}
        self.next: float | None = None
        """Not after the earliest of all. It may be before: to find the next one each time that the
        earliest is withdrawn would cost more than to wake up for nothing once."""

    def set(self, peer: Peer, at: float | None) -> None:
        """The time for a peer; None: it waits for nothing."""
        if at is None:
            self._at.pop(peer, None)
            return
        self._at[peer] = at
        if self.next is None or at < self.next:
            self.next = at

    def due(self, now: float) -> list[Peer]:
        """The peers whose time has come; you must `set` each of them anew, then call `recount`."""
        return [peer for peer, at in self._at.items() if at <= now]

    def recount(self) -> None:
        """Make `next` exact again."""
        self.next = min(self._at.values(), default=None)

    def peers(self) -> list[Peer]:
        """All that wait for a time."""
        return list(self._at)
