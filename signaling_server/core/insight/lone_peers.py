"""Peers that are alone, each in a room of its own: who of them want to meet.

Room names are compared: those that differ in a hyphen or a letter come first, those with another
number last. With many rooms only neighbours in the order of their numbers and names are compared,
so that the work is linear.
"""

from __future__ import annotations

import re
from typing import Iterable, Sequence

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.roles import UNKNOWN
from signaling_server.core.lone_peer import LonePeer
from signaling_server.core.words import listed

NEAREST = 3
"""Other rooms that a sentence names."""
FEW = 4
"""Up to so many lone peers each is told of all others, whatever their rooms are called."""
NEIGHBOURS = 4
ALIKE = 0.75
"""SequenceMatcher's ratio from which on two names look like one that was mistyped."""
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_DIGITS = re.compile(r"\d+")


def meetings(lone: Sequence[LonePeer]) -> dict[str, list[LonePeer]]:
    """For each room of this host with a lone peer those that it may want to meet, nearest names
    first."""
    ordered = sorted(lone, key=lambda peer: (_numbers(peer.room), _plain(peer.room)))
    few = len(lone) <= FEW
    found = {}
    for place, peer in enumerate(ordered):
        if peer.host:
            continue  # its host looks after it
        start = 0 if few else max(0, place - NEIGHBOURS)
        around = ordered[start:] if few else ordered[start : place + NEIGHBOURS + 1]
        found[peer.room] = _nearest(peer, around, few)
    return found


def alone(peer: LonePeer, others: Sequence[LonePeer], gone: str) -> Finding:
    """The finding for a lone peer; `gone`: who left the room and when, or ""."""
    here = f"{peer.peer_id} is alone in {peer.room}"
    if others:
        there = listed([f"{other.peer_id} is alone in {other.where}" for other in others])
        text = f"{here}; {there}: is that the same drone?"
        return Finding("other-room", text, (peer.peer_id,))
    text = f"{here}: {gone or 'nobody else has joined it'}."
    return Finding("alone", text, (peer.peer_id,))


def _nearest(peer: LonePeer, around: Iterable[LonePeer], few: bool) -> list[LonePeer]:
    scored = []
    for other in around:
        alike = _alike(peer.room, other.room)
        same_kind = peer.kind == other.kind != UNKNOWN
        if other.room != peer.room and not same_kind and (few or alike >= ALIKE):
            scored.append((-alike, other.room, other))
    return [other for _, _, other in sorted(scored)[:NEAREST]]


def _alike(one: str, other: str) -> float:
    """1.0: the same but for capitals and separators; 0.0: they number two different drones."""
    here, there = _plain(one), _plain(other)
    if here == there:
        return 1.0
    if _numbers(one) != _numbers(other):
        return 0.0
    from difflib import SequenceMatcher  # an idle server does without it

    return SequenceMatcher(None, here, there).ratio()


def _numbers(room: str) -> list[str]:
    return _DIGITS.findall(room)


def _plain(room: str) -> str:
    return _SEPARATORS.sub("", room.lower())
