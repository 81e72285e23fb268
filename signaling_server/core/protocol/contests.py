"""Contests: whether two programs use one name.

The newest connection with a name gets it, because the older one is mostly the ghost of a dead link
or of a page that was reloaded. A ghost says nothing more. So a takeover counts only once the
replaced connection has shown that its client lives: by a packet, a poll or a Close frame after the
takeover. Too many of these in a short time, and the name is contested: its holder keeps it for as
long as it is present.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from signaling_server.core.protocol.peers import Peer

MAX_TAKEOVERS = 3
TAKEOVER_WINDOW = 30.0
"""More than MAX_TAKEOVERS of one name, from clients that live, in this many seconds: a contest."""


class Claim:
    """What a name has been through; it passes from one holder to the next."""

    __slots__ = ("_takeovers", "declared")

    def __init__(self) -> None:
        self.declared = False
        """A newcomer was refused: from then on the holder keeps the name."""
        self._takeovers: tuple[float, ...] = ()

    def count(self, taken_at: float) -> None:
        """Count a takeover whose loser lives."""
        recent = (at for at in self._takeovers if taken_at - at < TAKEOVER_WINDOW)
        self._takeovers = (*recent, taken_at)

    def contested(self, now: float) -> bool:
        """Whether the holder keeps the name while it is present."""
        recent = [at for at in self._takeovers if now - at < TAKEOVER_WINDOW]
        return self.declared or len(recent) >= MAX_TAKEOVERS


class Takeover(NamedTuple):
    """The connection of a peer, the loser, lost its name to a newer one, from `by_address`."""

    claim: Claim
    at: float
    loser: Peer
    by_address: str


class Takeovers:
    """The recent ones, by the sid of the replaced connection, oldest first."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Takeover] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    def add(self, sid: str, takeover: Takeover) -> None:
        """Remember that a connection was replaced; forget what is too old to count."""
        for old, one in list(self._by_sid.items()):
            if takeover.at - one.at < TAKEOVER_WINDOW:
                break
            del self._by_sid[old]
        self._by_sid[sid] = takeover

    def lives(self, sid: str) -> Takeover | None:
        """A replaced connection lives: count its takeover, once; None: it was no takeover."""
        takeover = self._by_sid.pop(sid, None)
        if takeover is not None:
            takeover.claim.count(takeover.at)
        return takeover
