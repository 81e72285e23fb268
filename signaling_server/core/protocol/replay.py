"""Resume: what was sent to a peer with a session, kept until it has surely arrived.

A signal written to a connection that is already dead is lost without a word. So signals to such a
peer are numbered (`seq`) and kept; when the peer comes back it tells the last number it saw
(`auth.seen`), and what came after is sent again.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any, Iterable, NamedTuple

from signaling_server.core.config.schema import ResumeSettings
from signaling_server.core.protocol.limits import OVERHEAD, Budget, packet_cost
from signaling_server.core.protocol.messages import Signal


def session_hash(session: str) -> str:
    """What others see of a session key: the same after a restart of the server, and no way back."""
    return hashlib.sha256(
        b"hawkeye-signaling session " + session.encode("utf-8", "surrogatepass")
    ).hexdigest()[:32]


class Kept(NamedTuple):
    """A signal that may have to be sent (again)."""

    seq: int
    at: float
    sender: str
    signal: Signal


class MissedEvent(NamedTuple):
    """An event about another peer that came while this one was away; it has no number."""

    event: str
    payload: dict[str, Any]
    seq: int = 0
    at: float = float("inf")


class Replay:
    """The numbered signals of one peer with a session, in order, bounded."""

    __slots__ = ("_budget", "_bytes", "_entries", "_lost", "seq")

    def __init__(self, budget: Budget, seen: int = 0) -> None:
        self.seq = seen
        """The number of the newest signal. It goes on from what the client saw of an earlier peer:
        if the welcome of this one is lost, the client returns with a number of that one."""
        self._budget = budget
        self._bytes = 0
        self._entries: deque[Kept | MissedEvent] = deque()
        self._lost = 0
        """The highest seq that was dropped although it may not have arrived."""

    def __len__(self) -> int:
        return len(self._entries)

    def sent(
        self, sender: str, signal: Signal, limits: ResumeSettings, certain: float, now: float
    ) -> int:
        """Number a signal that is written to a live connection; returns its seq.

        When there is no room the oldest goes: it is likeliest to have arrived.
        """
        self.settle(now - certain)
        self.seq += 1
        kept = Kept(self.seq, now, sender, signal)
        while self._entries and not self._fits(kept, limits):
            self._lost = max(self._lost, self._drop_oldest())
        if not self._keep(kept, limits):
            self._lost = self.seq
        return self.seq

    def settle(self, before: float) -> None:
        """Drop what was sent before that time: the connection lived on, so it has arrived."""
        while self._entries and self._entries[0].at < before:
            self._drop_oldest()

    def wait(self, sender: str, signal: Signal, limits: ResumeSettings, now: float) -> bool:
        """Keep a signal for a peer that is away; False if there is no room."""
        if not self._keep(Kept(self.seq + 1, now, sender, signal), limits):
            return False
        self.seq += 1
        return True

    def tell(self, event: str, payload: dict[str, Any], limits: ResumeSettings) -> None:
        """Keep an event for a peer that is away.

        If there is no room, `welcome.peers` must do, and what is kept may not belie it: it goes.
        """
        if not self._keep(MissedEvent(event, payload), limits):
            who = payload.get("peer_id")
            self._refill(
                entry
                for entry in self._entries
                if isinstance(entry, Kept) or entry.payload.get("peer_id") != who
            )

    def can_resume(self, seen: int) -> bool:
        """Whether nothing after `seen` is missing."""
        return self._lost <= seen <= self.seq

    def resume(self, seen: int, now: float) -> list[Kept | MissedEvent]:
        """All that came after `seen`, in order; signals stay kept, this connection may die too."""
        missed = [
            entry for entry in self._entries if isinstance(entry, MissedEvent) or entry.seq > seen
        ]
        self._refill(entry._replace(at=now) for entry in missed if isinstance(entry, Kept))
        return missed

    def forget(self, sender: str) -> None:
        """Drop what a peer sent that is gone now: nobody waits for it any more."""
        self._refill(
            entry
            for entry in self._entries
            if isinstance(entry, MissedEvent) or entry.sender != sender
        )

    def clear(self) -> None:
        """Let go of everything."""
        self._refill(())

    def _fits(self, entry: Kept | MissedEvent, limits: ResumeSettings) -> bool:
        return (
            len(self._entries) < limits.max_messages
            and self._bytes + _size(entry) <= limits.max_bytes
        )

    def _keep(self, entry: Kept | MissedEvent, limits: ResumeSettings) -> bool:
        size = _size(entry)
        if not (self._fits(entry, limits) and self._budget.reserve(size)):
            return False
        self._bytes += size
        self._entries.append(entry)
        return True

    def _drop_oldest(self) -> int:
        entry = self._entries.popleft()
        self._bytes -= _size(entry)
        self._budget.release(_size(entry))
        return entry.seq

    def _refill(self, entries: Iterable[Kept | MissedEvent]) -> None:
        self._entries = deque(entries)
        used = sum(map(_size, self._entries))
        self._budget.release(self._bytes - used)
        self._bytes = used


def _size(entry: Kept | MissedEvent) -> int:
    if isinstance(entry, MissedEvent):
        return OVERHEAD
    return packet_cost(entry.signal.body, entry.signal.size)
