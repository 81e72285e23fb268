"""A room as insight sees it: its peers and their negotiations, and what is wrong with the room."""

from __future__ import annotations

from collections import deque
from typing import Iterator, Mapping, NamedTuple, Sequence

from signaling_server.core.insight import last_seen, lone_peers, presence
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.last_seen import Life, RoomMemory, Witness
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.reading import Content
from signaling_server.core.insight.reports import PeerCounts, RoomReport, report_pair
from signaling_server.core.insight.roles import kind_of
from signaling_server.core.insight.side import Side
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.protocol.events import PeerJoined
from signaling_server.core.words import ago

MAX_HELD = 64
"""Signals of a peer that is alone which are remembered for a newcomer."""
ALONE_SECONDS = 5.0
"""The other side may be on its way: after a restart both reconnect within that."""


class Contest(NamedTuple):
    """A connection took a peer's name, or was refused it; with the addresses that are known."""

    at: float
    addresses: tuple[str, ...]
    refused: bool = False


class ObservedPeer:
    """A peer in the room, perhaps without a connection at the moment."""

    __slots__ = (
        "_held",
        "address",
        "away_since",
        "contests",
        "kind",
        "left_before",
        "peer_id",
        "reason",
        "refused",
        "returned",
        "role",
        "session",
        "sid",
        "signals",
        "since",
    )

    def __init__(self, fact: PeerJoined, contests: list[Contest], now: float) -> None:
        self.sid = fact.sid
        self.peer_id = fact.peer_id
        self.role = fact.role
        self.kind = kind_of(fact.role, fact.peer_id)
        """Of roles.py."""
        self.session = fact.session
        self.address = fact.address
        self.since = now
        self.returned = False
        """Its program ran before it joined, so it may have brought a call along."""
        self.left_before: float | None = None
        """When the same run of its program left this room; None: not known."""
        self.away_since: float | None = None
        self.reason = ""
        """Why it is away."""
        self.contests = contests
        """Of the last TAKEOVER_WINDOW seconds."""
        self.signals = 0
        self.refused = 0
        self._held: deque[tuple[str, Content]] | None = None

    @property
    def who(self) -> str:
        """Its name; a peer without one is known by its address."""
        if self.peer_id != self.sid:
            return self.peer_id
        return f"{self.role or 'a client'} at {self.address}"

    @property
    def away(self) -> bool:
        """Whether it has no connection at the moment."""
        return self.away_since is not None

    def may_know(self, earlier: ObservedPeer) -> bool:
        """Whether it may have come back to a call with one who is here since before."""
        if not self.session or not earlier.session or not self.returned:
            return False
        stayed = self.left_before is not None and earlier.since < self.left_before
        return stayed or earlier.returned

    def side(self) -> Side:
        """It, as one of two who call each other."""
        side = Side(self.peer_id, self.kind, self.address)
        side.away = self.away
        return side

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

    __slots__ = ("expected", "memory", "name", "pairs", "peers")

    def __init__(self, name: str, memory: RoomMemory | None = None) -> None:
        self.name = name
        self.memory = memory or RoomMemory()
        self.peers: dict[str, ObservedPeer] = {}
        self.pairs: dict[frozenset[str], Pair] = {}
        self.expected: int | None = None
        """How many peers are expected here; None: never more than that."""

    def make_pair(self, one: ObservedPeer, other: ObservedPeer) -> Pair:
        """A pair of two peers of this room; the one that was here first comes first."""
        earlier, later = sorted((one, other), key=lambda peer: peer.since)
        since, standing = later.since, later.may_know(earlier)
        pair = self.pairs[frozenset((one.peer_id, other.peer_id))] = Pair(
            earlier.side(), later.side(), since, standing
        )
        return pair

    def has_no_call(self, peer_id: str) -> None:
        """A peer that came back brought no call along."""
        self.peers[peer_id].returned = False
        for pair in self.pairs.values():
            if peer_id in pair.sides:
                pair.standing = False

    def sides_of(self, peer_id: str) -> Iterator[Side]:
        """A peer as a side of each of its pairs."""
        for pair in self.pairs.values():
            if peer_id in pair.sides:
                yield pair.sides[peer_id]

    def ended(self, peer: ObservedPeer, reason: str, now: float) -> None:
        """A peer goes: remember who it was. Its pairs must still be here."""
        pairs = [pair for pair in self.pairs.values() if peer.peer_id in pair.sides]
        left_at = peer.away_since if peer.away_since is not None else now
        calls = [left_at - pair.connected_at for pair in pairs if pair.connected_at is not None]
        life = Life(
            joined_at=peer.since,
            left_at=left_at,
            reason=peer.reason or reason,
            address=peer.address,
            in_call=max(calls, default=None),
            after_offer=any(_fell_on_offer(pair, peer.peer_id, left_at) for pair in pairs),
        )
        others = [pair.other(peer.peer_id) for pair in pairs if pair.connected]
        witnesses = {
            side.peer_id: Witness(side.state, side.reported_at, side.frames)
            for side in others
            if side.reported_at is not None
        }
        self.memory.left(peer.who, peer.role, peer.session, life, witnesses)

    def lone(self, now: float) -> LonePeer | None:
        """The peer that is alone here, if there is one."""
        if len(self.peers) != 1:
            return None
        (peer,) = self.peers.values()
        last = max((seen.last.left_at for seen in self.memory.newest(now)), default=peer.since)
        if peer.away or now - max(peer.since, last) < ALONE_SECONDS:
            return None
        return LonePeer(peer.peer_id, self.name, peer.kind)

    def report(
        self,
        elsewhere: Sequence[LonePeer],
        now: float,
        refused: Mapping[str, Finding] | None = None,
    ) -> RoomReport:
        """The room as it is now.

        `elsewhere`: who is alone in other rooms and may want to meet the one who is alone here;
        `refused`: by peer_id, or address, whose signals were refused lately.
        """
        # Of three peers not every two want to call each other.
        somebody_calls = any(pair.offered_at is not None for pair in self.pairs.values())
        calls = [pair for pair in self.pairs.values() if pair.is_call]
        pairs = [report_pair(pair, somebody_calls, now, refused) for pair in calls]
        said = {finding.text for pair in pairs for finding in pair.diagnosis}
        others = [finding for finding in (refused or {}).values() if finding.text not in said]
        return RoomReport(
            name=self.name,
            peers={
                peer.peer_id: PeerCounts(peer.since, peer.signals, peer.refused)
                for peer in self.peers.values()
            },
            pairs=pairs,
            diagnosis=[*others, *self._findings(elsewhere, now)],
            last_seen=last_seen.as_values(self.memory, {*self._names}, now),
        )

    @property
    def _names(self) -> list[str]:
        return [peer.who for peer in self.peers.values()]

    def _findings(self, elsewhere: Sequence[LonePeer], now: float) -> Iterator[Finding]:
        yield from last_seen.restless(self.memory, self._settled(now), now)
        lost = list(self._lost(now))
        yield from lost
        lone = self.lone(now)
        if lone and (elsewhere or not lost):
            yield lone_peers.alone(lone, elsewhere, self._went(now))
        yield from presence.away(self.peers.values(), self.pairs.values(), now)
        yield from presence.without_node(self.peers.values(), self.pairs.values(), now)
        yield from presence.crowded(self)
        yield from presence.names(self.peers.values(), now)

    def _settled(self, now: float) -> set[str]:
        """Those of the peers here who have answered or connected, or stay for long."""
        answered = {pair.exchange.answerer for pair in self.pairs.values()}
        connected = {who for pair in self.pairs.values() if pair.connected for who in pair.sides}
        return {
            peer.who
            for peer in self.peers.values()
            if peer.peer_id in answered | connected or now - peer.since >= presence.SETTLED_SECONDS
        }

    def _lost(self, now: float) -> Iterator[Finding]:
        """Who was lost last, if somebody alone waits for it."""
        absent = [seen for seen in self.memory.newest(now) if seen.peer_id not in self._names]
        finding = last_seen.gone(absent[0], now) if absent and len(self.peers) == 1 else None
        if finding:
            yield finding

    def _went(self, now: float) -> str:
        """Who said goodbye last, in words; "" if nobody."""
        for seen in self.memory.newest(now):
            if seen.peer_id not in self._names and seen.last.how == "goodbye":
                return f"{seen.peer_id} left {ago(now - seen.last.left_at)} ago (goodbye)"
        return ""


def _fell_on_offer(pair: Pair, peer_id: str, at: float) -> bool:
    """Whether a peer went soon after it was sent an offer that it has not answered."""
    offers = pair.other(peer_id).open_offers
    return bool(offers) and at - offers[-1].at <= last_seen.AFTER_OFFER_SECONDS
