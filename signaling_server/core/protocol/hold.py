"""The hold: what a peer sends while it is alone in its room waits for the next that joins.

Three buffers keep signals, each for another reason; all are paid from one `Budget`:

    hold         for a peer that nobody can hear yet: until somebody joins    (held)
    replay       for a peer with a session: until it has surely arrived       (kept)
    send queue   for a connection that reads slowly: until it reads           (queued; in transport)

On the wire `held` in the answer to a signal counts all copies that wait, in hold and replay.
"""

from __future__ import annotations

from collections import deque
from typing import Iterable, NamedTuple

from signaling_server.core.config.schema import HoldSettings
from signaling_server.core.protocol.limits import Budget, packet_cost
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.ufrag import ufrags_of
from signaling_server.core.words import plural
from signaling_server.errors import Rejection


class _Held(NamedTuple):
    signal: Signal
    at: float
    ufrags: frozenset[str]
    """The ICE sessions that it names; read once, when it comes."""


class Hold:
    """The held signals of one peer, in order.

    A peer holds signals only while it is alone, and the hold is emptied when another joins. So a
    room has at most one hold with signals in it, and the limits of a hold are those of its room.

    A full hold refuses the newest signal: to drop the oldest would lose the offer and keep its
    candidates. A new offer starts a negotiation anew, so it replaces the held signals of the older
    one; they are dropped only once the offer has found room. Candidates may come before their offer
    (RFC 8838, section 9; browsers do): those that belong to the new offer stay.
    """

    __slots__ = ("_budget", "_bytes", "_held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._bytes = 0
        self._held: deque[_Held] | None = None
        """Made when there is something to hold: most peers never are alone with a signal."""

    def __len__(self) -> int:
        return len(self._held or ())

    def add(self, signal: Signal, limits: HoldSettings, now: float) -> int:
        """Hold a signal; returns how many older ones it replaced. Raises Rejection `hold-full`."""
        entry = _Held(signal, now, ufrags_of(signal))
        left = self._left_by(entry) if signal.type == "offer" else self._held or deque()
        count, used = len(left), self._bytes if left is self._held else _sum(left)
        size = _cost(signal)
        if count >= limits.max_messages or used + size > limits.max_bytes:
            waiting = plural(count, "signal")
            raise Rejection("hold-full", f"{waiting} already waiting for a peer to join")
        if not self._budget.reserve(used + size - self._bytes):
            raise Rejection("hold-full", "the server has no memory left for held signals")
        replaced = len(self) - count
        self._held, self._bytes = left, used + size
        self._held.append(entry)
        return replaced

    def _left_by(self, offer: _Held) -> deque[_Held]:
        """What a new offer does not replace: the candidates that are its own."""
        older = self._held or ()
        older_offer = any(held.signal.type == "offer" for held in older)
        return deque(held for held in older if _belongs(held, offer, older_offer))

    def release_all(self) -> list[Signal]:
        """All held signals, in order; the hold is empty afterwards."""
        signals = [held.signal for held in self._held or ()]
        self.clear()
        return signals

    def clear(self) -> None:
        """Drop everything."""
        self._budget.release(self._bytes)
        self._bytes = 0
        self._held = None

    def expire(self, max_age: float, now: float) -> int:
        """Drop what is older than `max_age` seconds; returns how many that were."""
        count = 0
        while self._held and self._held[0].at + max_age <= now:
            size = _cost(self._held.popleft().signal)
            self._bytes -= size
            self._budget.release(size)
            count += 1
        return count

    def next_deadline(self, max_age: float) -> float | None:
        """When `expire` has something to do."""
        return self._held[0].at + max_age if self._held else None


def _belongs(held: _Held, offer: _Held, older_offer: bool) -> bool:
    """Whether a held signal is a candidate of a new offer.

    Where the ICE sessions do not tell, it belongs to the older offer, if one is held.
    """
    if held.signal.type != "ice-candidate":
        return False
    if held.ufrags and offer.ufrags:
        return not held.ufrags.isdisjoint(offer.ufrags)
    return not older_offer


def _sum(signals: Iterable[_Held]) -> int:
    return sum(_cost(held.signal) for held in signals)


def _cost(signal: Signal) -> int:
    return packet_cost(signal.body, signal.size)
