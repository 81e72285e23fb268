"""Replay: what was sent to a peer with a session, kept until it has surely arrived.

Goal: a peer that comes back in time misses no signal and gets none twice. The trouble: a write to a
connection that is already dead succeeds, and is lost without a word.

Plan: number each signal to such a peer (`seq`) and keep it. A peer that returns names the last
number that it saw (`auth.seen`), and what came after is sent again. A kept signal is dropped

- when the connection outlives it by the delivery horizon (`settle`): it has arrived;
- when its sender has left the room: it is of no use to anybody. A crowd that leaves would make each
  replay be searched for each of them, so it is only marked then (`Sender.gone`): it goes when its
  room is needed, and nobody gets it;
- when a newer one needs its room (`keep_sent`): the oldest has most likely arrived. If it had not,
  nobody can tell: `_lost` remembers its number, and a session that still needs it cannot resume
  (`can_resume`). Its peer then joins anew, and both sides negotiate again.

While the peer is away nothing is dropped to make room: what does not fit is refused, so that its
sender hears of it (`keep_unsent`).

Worst case: `resume.max_messages` and `resume.max_bytes` for each peer, all peers together what
`limits.memory_bytes` leaves. `resume` goes through all entries once, and so does a signal for a
peer that is away, if there is no room and somebody has left since that was done last; `keep_sent`,
which each signal takes, touches the ends alone.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Iterable, NamedTuple

from signaling_server.core.config.schema import ResumeSettings, SocketIOSettings
from signaling_server.core.protocol.events import make
from signaling_server.core.protocol.limits import OVERHEAD, Budget
from signaling_server.core.protocol.messages import Signal


def delivery_horizon(socketio: SocketIOSettings) -> float:
    """Seconds after which a written signal has arrived if its connection is still there.

    A PING goes out every `ping_interval` and must be answered within `ping_timeout`. engine.io
    walks its connections once in a `ping_timeout`: the first one of this round may be the last one
    of the next, and so is found dead up to two rounds late. A connection that outlives all of that
    has answered a PING which followed the signal on the same TCP stream.
    """
    return socketio.ping_interval + 3 * socketio.ping_timeout


class Sender:
    """A peer as those know it who keep its signals."""

    __slots__ = ("gone", "peer_id")

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
        self.gone = False
        """Whether it has left its room."""


_SERVER = Sender("")


class Departures:
    """Counts the peers that have left a room: tells a replay whether to look for their signals."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class KeptSignal(NamedTuple):
    """A signal that may have to be sent (again)."""

    seq: int
    at: float
    """When it was written to a connection, or accepted for a peer that is away."""
    sender: Sender
    signal: Signal
    size: int
    """Bytes that it counts to the limits."""


class MissedEvent(NamedTuple):
    """An event about another peer, kept because this one is away; it has no number."""

    event: str
    payload: dict[str, Any]
    seq: int = 0
    at: float = float("inf")
    size: int = OVERHEAD
    sender: Sender = _SERVER


class Replay:
    """The numbered signals and the missed events of one peer with a session, in order, bounded."""

    __slots__ = (
        "_budget",
        "_bytes",
        "_departures",
        "_entries",
        "_looked_at",
        "_lost",
        "_start",
        "_too_many",
        "_wrote",
        "seq",
    )

    def __init__(
        self,
        budget: Budget,
        seen: int = 0,
        departures: Departures | None = None,
        *,
        jumped: bool = False,
    ) -> None:
        """`jumped`: `seen` is not a number that the client has seen, but higher (relay.py)."""
        self.seq = seen
        """The number of the newest signal. It goes on from what the client saw as an earlier peer:
        if it never gets the welcome of this one, it returns with a number of that one."""
        self._start = seen if jumped else 0
        """With a lower number a client comes from another relay, or has heard nothing here."""
        self._wrote = False
        """Whether it may have heard a signal here."""
        self._budget = budget
        self._departures = departures or Departures()
        """From the room of its peer."""
        self._looked_at = self._departures.count
        """How many there were when it dropped what is of no use any longer."""
        self._bytes = 0
        self._entries: deque[KeptSignal | MissedEvent] = deque()
        self._lost = 0
        """The highest seq that was dropped although it may not have arrived."""
        self._too_many = False
        """Whether there was no room for them."""

    def __len__(self) -> int:
        return len(self._entries)

    def keep_sent(
        self,
        sender: Sender,
        signal: Signal,
        size: int,
        limits: ResumeSettings,
        horizon: float,
        now: float,
    ) -> int:
        """Number and keep a signal that is written to a live connection; returns its seq.

        `size`: the signal's `packet_cost`. `horizon`: seconds after which a written signal has
        arrived. When there is no room the oldest goes; if the signal itself does not fit, it is
        sent all the same, and counts as lost.
        """
        seq = self.seq = self.seq + 1
        self._wrote = True
        # Few calls, and one to the budget: a signal to each peer with a session comes through here.
        entries, before, freed = self._entries, now - horizon, 0
        most, room = limits.max_messages, limits.max_bytes - self._bytes - size
        # Drop what has arrived, and then the oldest until `size` bytes fit.
        while entries and (room < 0 or len(entries) >= most or entries[0].at < before):
            oldest = entries.popleft()
            dropped = oldest.size
            freed += dropped
            room += dropped
            if oldest.at >= before and not oldest.sender.gone and oldest.seq > self._lost:
                self._lost = oldest.seq
        self._bytes -= freed
        if room >= 0 and most > 0 and self._budget.reserve(size - freed):
            self._bytes += size
            entries.append(make(KeptSignal, (seq, now, sender, signal, size)))
        else:
            self._budget.release(freed)
            self._lost = seq
        return seq

    def keep_unsent(
        self, sender: Sender, signal: Signal, size: int, limits: ResumeSettings, now: float
    ) -> bool:
        """Number and keep a signal for a peer that is away; False if there is no room."""
        if not self._keep(KeptSignal(self.seq + 1, now, sender, signal, size), limits):
            return False
        self.seq += 1
        return True

    def keep_event(self, event: str, payload: dict[str, Any], limits: ResumeSettings) -> None:
        """Keep an event about another peer for a peer that is away.

        If there is no room, the peer learns from `welcome.peers` who is there: then no event is
        kept, now and until it returns, for half of them would contradict it. (To pick those about
        one peer would cost a crowd whose members come and go a look at all entries each time.)
        """
        if self._too_many:
            return
        if self._keep(MissedEvent(event, payload), limits):
            return
        self._too_many = True
        self._refill(entry for entry in self._entries if isinstance(entry, KeptSignal))

    def settle(self, before: float) -> None:
        """Drop what was sent before that time: the connection lived on, so it has arrived."""
        freed = 0
        entries = self._entries
        while entries and (entries[0].at < before or entries[0].sender.gone):
            freed += entries.popleft().size
        if freed:
            self._bytes -= freed
            self._budget.release(freed)

    def can_resume(self, seen: int) -> bool:
        """Whether nothing after `seen` is missing, and nothing of it was heard."""
        known = seen >= self._start or not self._wrote
        return known and self._lost <= seen <= self.seq

    def resume(self, seen: int, now: float) -> list[KeptSignal | MissedEvent]:
        """All that came after `seen`, in order; signals stay kept: this connection may die too."""
        self._too_many = False
        missed = [
            entry
            for entry in self._entries
            if isinstance(entry, MissedEvent) or (entry.seq > seen and not entry.sender.gone)
        ]
        self._refill(entry._replace(at=now) for entry in missed if isinstance(entry, KeptSignal))
        self._wrote = self._wrote or len(self._entries) > 0
        return missed

    def clear(self) -> None:
        """Drop everything."""
        self._refill(())

    def _fits(self, size: int, limits: ResumeSettings) -> bool:
        return len(self._entries) < limits.max_messages and self._bytes + size <= limits.max_bytes

    def _keep(self, entry: KeptSignal | MissedEvent, limits: ResumeSettings) -> bool:
        if not self._reserve(entry.size, limits):
            if self._looked_at == self._departures.count:
                return False
            self._looked_at = self._departures.count
            self._refill(entry for entry in self._entries if not entry.sender.gone)
            if not self._reserve(entry.size, limits):
                return False
        self._append(entry)
        return True

    def _reserve(self, size: int, limits: ResumeSettings) -> bool:
        return self._fits(size, limits) and self._budget.reserve(size)

    def _append(self, entry: KeptSignal | MissedEvent) -> None:
        self._bytes += entry.size
        self._entries.append(entry)

    def _refill(self, entries: Iterable[KeptSignal | MissedEvent]) -> None:
        self._entries = deque(entries)
        used = sum(entry.size for entry in self._entries)
        self._budget.release(self._bytes - used)
        self._bytes = used
