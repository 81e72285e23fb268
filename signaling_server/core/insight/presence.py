"""Who is in a room, who is away, and who is one too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.roles import NODE, VIEWER
from signaling_server.core.protocol.contests import MAX_TAKEOVERS, TAKEOVER_WINDOW
from signaling_server.core.words import ago, listed

if TYPE_CHECKING:
    from signaling_server.core.insight.observed import ObservedPeer, ObservedRoom

SETTLED_SECONDS = 10.0
"""A program that stays so long does not fail at once."""
NO_NODE_SECONDS = 5.0
_ORDINALS = {3: "A third peer", 4: "A fourth peer"}


def away(peers: Iterable[ObservedPeer], pairs: Iterable[Pair], now: float) -> Iterator[Finding]:
    """Peers with a session that have no connection at the moment."""
    calls = list(pairs)
    for peer in peers:
        if peer.away_since is None:
            continue
        mine = [pair for pair in calls if peer.peer_id in pair.sides]
        since = [pair.connected_at for pair in mine if pair.connected_at is not None]
        call = f", after {ago(peer.away_since - max(since))} in a call" if since else ""
        when = ago(now - peer.away_since)
        text = (
            f"{peer.peer_id} lost its connection to this server {when} ago ({peer.reason}), last "
            f"at {peer.address}{call}; it may come back. A call that stands goes on."
        )
        yield Finding("away", text, (peer.peer_id,), side=peer.peer_id)


def without_node(
    peers: Iterable[ObservedPeer], pairs: Iterable[Pair], now: float
) -> Iterator[Finding]:
    """GCOMs alone among themselves."""
    here = [peer for peer in peers if not peer.away]
    viewers = len(here) > 1 and all(peer.kind == VIEWER for peer in here)
    if viewers and not any(pair.began for pair in pairs):
        waited = now - max(peer.since for peer in here)
        if waited >= NO_NODE_SECONDS:
            names = tuple(peer.peer_id for peer in here)
            text = f"{listed(names)} wait for a Streaming Node: none has joined."
            yield Finding("no-node", text, names)


def crowded(room: ObservedRoom) -> Iterator[Finding]:
    """More peers than are expected, where a node without a session keeps a single call."""
    count = len(room.peers)
    if room.expected is None or count <= room.expected:
        return
    callers = {pair.offerer for pair in room.pairs.values()}
    peers = room.peers.values()
    nodes = [peer for peer in peers if peer.kind == NODE or peer.peer_id in callers]
    if all(peer.session for peer in nodes or peers):
        return  # programs with a session call each peer on its own
    newest = list(room.peers)[-1]
    which = _ORDINALS.get(count, f"Peer number {count}")
    text = f"{which} has joined ({newest}): existing Streaming Nodes then drop their call."
    yield Finding("crowded", text, (newest,))


def names(peers: Iterable[ObservedPeer], now: float) -> Iterator[Finding]:
    """Names that two programs use."""
    for peer in peers:
        recent = [each for each in peer.contests if now - each.at < TAKEOVER_WINDOW]
        if len(recent) >= MAX_TAKEOVERS or any(each.refused for each in recent):
            addresses = {peer.address, *(one for each in recent for one in each.addresses)}
            text = f"Two machines use the name {peer.peer_id}: {listed(sorted(addresses))}."
            if len(addresses) == 1:
                text = f"Two programs at {peer.address} use the name {peer.peer_id}."
            yield Finding("name-in-use", text, (peer.peer_id,))
