"""Callers that no CONNECT has let in yet, in a pool of their own (`limits.strangers`).

A stranger is a TCP connection without a request or an Engine.IO session without its CONNECT. They
cost memory and descriptors before anybody knows who they are, so they compete with each other alone
and never for the places of those inside. When the pool is full one of them goes:

1. the oldest of the silent ones, which said nothing for GRACE seconds since they came,
2. else the oldest of the address that holds most places.

A caller that came a moment ago is not silent yet. Otherwise a flood of sessions that each made one
request would push out every newcomer before its first bytes are read.

Adding, progress, leaving and evicting take constant time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Hashable

GRACE = 0.25
"""Seconds in which a caller may be about to speak: most of a round trip, or a busy loop."""


class _Stranger:
    """One caller."""

    __slots__ = ("address", "came")

    def __init__(self, address: str, came: float) -> None:
        self.address = address
        self.came = came


class Strangers:
    """The pool. `now` is in seconds of a monotonic clock; a key is whatever names the caller.

    After `add`, close whom `evict` names, until it names nobody. Call `leave` for who is let in or
    has gone; unknown keys are passed over, because a caller may be both evicted and gone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._all: dict[Hashable, _Stranger] = {}
        # OrderedDict, not dict: taking the first again and again is slow in a dict, which walks
        # over the places of all those that it has lost.
        self._silent: OrderedDict[Hashable, None] = OrderedDict()
        self._at: dict[str, OrderedDict[Hashable, None]] = {}
        self._holding: dict[int, OrderedDict[str, None]] = {}
        self._most = 0

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._all

    def add(self, key: Hashable, address: str, now: float) -> None:
        """A caller came; it has said nothing yet. A key that is there already starts anew."""
        self.leave(key)
        self._all[key] = _Stranger(address, now)
        self._silent[key] = None
        places = self._at.setdefault(address, OrderedDict())
        places[key] = None
        self._count(address, len(places) - 1, len(places))

    def progress(self, key: Hashable) -> None:
        """A caller sent something that brings it nearer to its CONNECT."""
        self._silent.pop(key, None)

    def leave(self, key: Hashable) -> None:
        """A caller was let in, or has gone."""
        stranger = self._all.pop(key, None)
        if stranger is None:
            return
        self._silent.pop(key, None)
        places = self._at[stranger.address]
        del places[key]
        self._count(stranger.address, len(places) + 1, len(places))
        if not places:
            del self._at[stranger.address]

    def evict(self, now: float) -> Hashable | None:
        """The caller to close so that the pool is within its limit; it has left the pool then."""
        if len(self._all) <= self.limit:
            return None
        key = self._oldest_silent(now)
        if key is None:
            address = next(iter(self._holding[self._most]))
            key = next(iter(self._at[address]))
        self.leave(key)
        return key

    def _oldest_silent(self, now: float) -> Hashable | None:
        key = next(iter(self._silent), None)
        return key if key is not None and self._all[key].came + GRACE <= now else None

    def _count(self, address: str, before: int, after: int) -> None:
        """Move an address to those that hold as many; the one that holds so many longest is first.

        The counts differ by one, so the greatest is found without a search.
        """
        if before:
            same = self._holding[before]
            del same[address]
            if not same:
                del self._holding[before]
        if after:
            self._holding.setdefault(after, OrderedDict())[address] = None
        self._most = max(self._most, after)
        if self._most and self._most not in self._holding:
            self._most -= 1
