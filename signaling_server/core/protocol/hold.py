"""Held signals: what a peer says while it is alone in its room waits for the next that joins."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from signaling_server.core.config.schema import HoldSettings
from signaling_server.core.protocol.limits import Budget, packet_cost
from signaling_server.core.protocol.messages import Signal
from signaling_server.errors import Rejection


class _Held(NamedTuple):
    signal: Signal
    at: float


class Hold:
    """The held signals of one peer.

    One peer's hold is its room's: who holds is alone, and when another joins the hold is emptied.
    When it is full the newest is refused: dropping the oldest would lose the offer and keep its
    candidates.
    """

    __slots__ = ("_budget", "_bytes", "_held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._bytes = 0
        self._held: deque[_Held] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, signal: Signal, limits: HoldSettings, now: float) -> None:
        """Keep a signal; a new offer replaces the older ones. Raises Rejection `hold-full`."""
        replaces = signal.type == "offer"
        count, used = (0, 0) if replaces else (len(self._held), self._bytes)
        size = packet_cost(signal.body, signal.size)
        if count >= limits.max_messages or used + size > limits.max_bytes:
            raise Rejection("hold-full", f"{count} signals wait already for somebody to join")
        if not self._budget.reserve(used + size - self._bytes):
            raise Rejection("hold-full", "the server keeps as many signals as it may")
        if replaces:
            self._held.clear()
        self._bytes = used + size
        self._held.append(_Held(signal, now))

    def take(self) -> list[Signal]:
        """All held signals, in order; the hold is empty then."""
        signals = [held.signal for held in self._held]
        self.clear()
        return signals

    def clear(self) -> None:
        """Let go of everything."""
        self._budget.release(self._bytes)
        self._bytes = 0
        self._held.clear()

    def expire(self, max_age: float, now: float) -> int:
        """Drop what is older than `max_age` seconds; how many that were."""
        count = 0
        while self._held and self._held[0].at + max_age <= now:
            signal = self._held.popleft().signal
            size = packet_cost(signal.body, signal.size)
            self._bytes -= size
            self._budget.release(size)
            count += 1
        return count

    def next_deadline(self, max_age: float) -> float | None:
        """When `expire` has something to do."""
        return self._held[0].at + max_age if self._held else None
