"""A room as insight sees it: its peers and their negotiations, and what is wrong with the room."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from signaling_server.core.insight.diagnosis import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.reading import Content
from signaling_server.core.insight.reports import RoomReport, report_pair
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined
from signaling_server.core.words import listed

MAX_HELD = 64
"""Signals of a peer that is alone which are remembered for a newcomer."""
_ORDINALS = {3: "A third peer", 4: "A fourth peer"}


class Contest(NamedTuple):
    """A connection took a peer's name, or was refused it; with the addresses that are known."""

    at: float
    addresses: tuple[str, ...]
    refused: bool = False


class ObservedPeer:
    """A peer in the room, perhaps without a connection at the moment."""

    __slots__ = ("_held", "address", "contests", "peer_id", "since")

    def __init__(self, fact: PeerJoined, contests: list[Contest], now: float) -> None:
        self.peer_id = fact.peer_id
        self.address = fact.address
        self.since = now
        self.contests = contests
        """Of the last TAKEOVER_WINDOW seconds."""
        self._held: deque[tuple[str, Content]] | None = None

    def hold(self, kind: str, content: Content) -> None:
        """Remember what it sent while it is alone. A newer offer replaces an older negotiation;
        candidates may come before their offer.
        """
        held = self._held
        if held is None or (kind == "offer" and any(older == "offer" for older, _ in held)):
            self._held = held = deque(maxlen=MAX_HELD)  # only now: most peers send nothing alone
        held.append((kind, content))

    def release(self, count: int = MAX_HELD) -> list[tuple[str, Content]]:
        """The oldest of what it sent while it was alone, at most `count`: (type, content). They are
        no longer remembered.
        """
        held = self._held or deque()
        released = [held.popleft() for _ in range(min(count, len(held)))]
        self._held = held or None
        return released

    def contest(self, contest: Contest) -> None:
        """Record that somebody else uses its name."""
        recent = [each for each in self.contests if contest.at - each.at < TAKEOVER_WINDOW]
        self.contests = [*recent, contest][-MAX_TAKEOVERS:]


class ObservedRoom:
    """The peers, oldest first, and the pairs of a room."""

    __slots__ = ("expected", "name", "pairs", "peers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.peers: dict[str, ObservedPeer] = {}
        self.pairs: dict[frozenset[str], Pair] = {}
        self.expected: int | None = None
        """How many peers are expected here; None: never more than that."""

    def report(self, elsewhere: list[str], now: float) -> RoomReport:
        """The room as it is now; `elsewhere`: see `_alone`."""
        # Of three peers not every two want to call each other.
        somebody_calls = any(pair.offered_at is not None for pair in self.pairs.values())
        return RoomReport(
            name=self.name,
            peers={peer.peer_id: peer.since for peer in self.peers.values()},
            pairs=[report_pair(pair, somebody_calls, now) for pair in self.pairs.values()],
            diagnosis=[*self._alone(elsewhere), *self._overfull(), *self._names(now)],
        )

    def _alone(self, elsewhere: list[str]) -> list[Finding]:
        """`elsewhere`: who is alone in another room, such as "gcom in room drone-2"."""
        if len(self.peers) != 1:
            return []
        (peer_id,) = self.peers
        text = f"{peer_id} is alone in room {self.name}: nobody else has joined it."
        if len(elsewhere) == 1:
            text = f"{peer_id} is alone in room {self.name}, and so is {elsewhere[0]}."
        return [Finding("alone", text, (peer_id,))]

    def _overfull(self) -> list[Finding]:
        count = len(self.peers)
        if self.expected is None or count <= self.expected:
            return []
        newest = list(self.peers)[-1]
        which = _ORDINALS.get(count, f"Peer number {count}")
        text = f"{which} has joined ({newest}): existing Streaming Nodes then drop their call."
        return [Finding("crowded", text, (newest,))]

    def _names(self, now: float) -> list[Finding]:
        findings = []
        for peer in self.peers.values():
            recent = [each for each in peer.contests if now - each.at < TAKEOVER_WINDOW]
            if len(recent) >= MAX_TAKEOVERS or any(each.refused for each in recent):
                addresses = {peer.address, *(one for each in recent for one in each.addresses)}
                text = f"Two machines use the name {peer.peer_id}: {listed(sorted(addresses))}."
                if len(addresses) == 1:
                    text = f"Two programs at {peer.address} use the name {peer.peer_id}."
                findings.append(Finding("name-in-use", text, (peer.peer_id,)))
        return findings
