"""Each log line while it is quiet; one line a second with counts when it is not.

Goal: nobody can flood the log, and still each line is either written or counted in a sum. journald
accepts 10,000 lines in 30 s and drops further ones uncounted, so this server must stay below that.

Plan: lines are counted by key (a peer, the address of a refused client) in windows of one second.
The first LIMIT lines of a key in a window are written, further ones are summed. While a key stays
above the limit, its next windows are summed from their first line on: one line a second. A token
bucket bounds the lines of all keys together.

Worst case: KEYS keys are told apart in a window and SUMS get a sum of their own; all others share
one sum. So memory is bounded, and a window writes at most SUMS + 1 sums.
"""

from __future__ import annotations

from typing import Hashable, NamedTuple

from signaling_server.core.protocol.limits import TokenBucket

WINDOW = 1.0
"""Seconds that one sum spans."""

LIMIT = 20
"""Lines of a key that are written in a window: a whole negotiation with its candidates."""

KEYS = 1024
"""Keys told apart in one window; further ones share `OTHERS`."""

LINES_PER_SECOND = 100
LINES_BURST = 2000
"""Together with the sums below journald's 10,000 in 30 s (RateLimitBurst in journald.conf(5)); and
enough for 80 negotiations at once."""

SUMS = 50
"""Keys that have a sum of their own in one window; further ones share `OTHERS`."""

OTHERS = "others"


class Summary(NamedTuple):
    """Lines that were counted and not written: `size` bytes of signals in `seconds` seconds."""

    key: Hashable
    counts: dict[str, int]
    size: int
    seconds: float

    def text(self, noun: str) -> str:
        """'812 more signals in the last second: 800 ice-candidate, 12 offer; 402113 bytes'."""
        kinds = sorted(self.counts.items(), key=lambda kind: -kind[1])
        span = f"{self.seconds:.0f} seconds" if self.seconds >= 1.5 else "second"
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds)
        size = f"; {self.size} bytes" if self.size else ""
        return f"{sum(self.counts.values())} more {noun} in the last {span}: {listed}{size}"


class _Key:
    """What is known of a key in one window."""

    __slots__ = ("counts", "key", "lines", "loud", "size")

    def __init__(self, key: Hashable, loud: bool) -> None:
        self.key = key
        self.loud = loud
        self.lines = 0
        self.counts: dict[str, int] = {}
        """The lines that are summed, by kind."""
        self.size = 0
        """Their bytes."""


class LineLimiter:
    """Decides whether a line is written or summed. `now` is in seconds on a monotonic clock.

    After `admit` returned False you must call `due` at the time of `next_deadline`, so that the
    sums come out even if no line follows. Nothing is due while nothing is summed.
    """

    def __init__(self) -> None:
        self._since = float("-inf")
        self._keys: dict[Hashable, _Key] = {}  # of this window, and forgotten with it
        self._loud: set[Hashable] = set()  # above the limit in the window before this one
        self._sums: list[_Key] = []
        self._ready: list[Summary] = []
        self._pace = TokenBucket(LINES_PER_SECOND, LINES_BURST, 0.0)

    def admit(self, key: Hashable, kind: str, now: float, size: int = 0) -> bool:
        """True: write the line. False: it is counted under its `kind`, one of a few."""
        if now >= self._since + WINDOW:
            self._close_window(now)
        one = self._keys.get(key) or self._add(key if len(self._keys) < KEYS else OTHERS)
        one.lines += 1
        if one.lines <= LIMIT and not one.loud and self._pace.take(now):
            return True
        if not one.counts:
            one = self._begin_sum(one)
        counts = one.counts
        counts[kind] = counts.get(kind, 0) + 1
        one.size += size
        return False

    def _add(self, key: Hashable) -> _Key:
        """The key in this window, made if it is not there."""
        one = self._keys.get(key)
        if one is None:
            one = self._keys[key] = _Key(key, key in self._loud)
        return one

    def _begin_sum(self, one: _Key) -> _Key:
        """Where a line of a key without a sum is counted."""
        if len(self._sums) >= SUMS:
            one = self._add(OTHERS)
        if not one.counts:
            self._sums.append(one)
        return one

    def due(self, now: float) -> list[Summary]:
        """The sums whose window is over, each once."""
        if self._sums and now >= self._since + WINDOW:
            self._close_window(now)
        ready, self._ready = self._ready, []
        return ready

    def next_deadline(self) -> float | None:
        """When `due` has sums to return; a time in the past if it has some already."""
        if self._ready:
            return self._since
        return self._since + WINDOW if self._sums else None

    def _close_window(self, now: float) -> None:
        """Close this window, and open the next one now."""
        seconds = now - self._since
        self._ready += [Summary(one.key, one.counts, one.size, seconds) for one in self._sums]
        self._loud = {one.key for one in self._sums if one.lines > LIMIT}
        self._sums.clear()
        self._keys.clear()
        self._since = now
