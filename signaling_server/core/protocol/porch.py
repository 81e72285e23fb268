"""The porch: callers that have begun to speak and wait to be let in, their addresses in turn.

To let a caller in costs fifty times as much as to accept it, and an HTTP request with a WebSocket
fifty times more. So the order in which callers are let in decides whose time a flood takes:

- A *prompt* caller is let in as soon as possible.
- A *paced* one comes from an address that floods: callers of it were evicted within the last
  FLOOD_SECONDS. All paced callers together are let in one at a time, with pauses that grow with the
  delay of the loop: at most 1/PAUSE a second, and fewer the busier the machine is. The newest of
  an address comes first: where more come than are let in, the oldest have given up already, and a
  queue in order would serve none but those.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

FLOOD_SECONDS = 2.0
"""How long an address stays paced after one of its callers was evicted."""
PAUSE = 0.005
"""Seconds between two paced callers while the loop is idle: they take a quarter of its time."""
PATIENCE = 4
"""How many times the delay of the loop is added to the pause: it has others to serve."""
LONGEST_PAUSE = 0.1


class Porch(Generic[T]):
    """The callers that wait. `now` is in seconds of a monotonic clock.

    After `add` and `take`, ask `wait` when to take the next one.
    """

    def __init__(self) -> None:
        self._prompt: _Turns[T] = _Turns(newest_first=False)
        self._paced: _Turns[T] = _Turns(newest_first=True)
        # OrderedDict, not dict: see strangers.py.
        self._floods: OrderedDict[str, float] = OrderedDict()
        """Until when each address that floods is paced; the next to end is the first."""
        self._due = 0.0
        """When the next paced caller may be let in."""

    def add(self, address: str, caller: T, now: float) -> bool:
        """A caller has begun to speak; returns whether it is paced."""
        paced = self._floods.get(address, now) > now
        if paced:
            self._begin_pacing(now)
        (self._paced if paced else self._prompt).add(address, caller)
        return paced

    def remove(self, address: str, caller: T) -> None:
        """A caller has gone; one that does not wait is passed over."""
        self._prompt.remove(address, caller)
        self._paced.remove(address, caller)

    def flooded(self, address: str, now: float) -> None:
        """A caller of this address was evicted: those of it that wait are paced, and the next."""
        self._floods[address] = now + FLOOD_SECONDS
        self._floods.move_to_end(address)
        while next(iter(self._floods.values())) <= now:
            self._floods.popitem(last=False)
        self._begin_pacing(now)
        self._prompt.move(address, self._paced)

    def take(self, now: float) -> T | None:
        """The next caller to let in; None if none may be let in now."""
        if self._prompt:
            return self._prompt.take()
        if not self._paced or now < self._due:
            return None
        self._due, late = now, now - self._due
        self._due += min(PAUSE + PATIENCE * late, LONGEST_PAUSE)
        return self._paced.take()

    def take_any(self) -> T | None:
        """The next caller, even a paced one whose turn has not come; None if nobody waits."""
        waiting = self._prompt or self._paced
        return waiting.take() if waiting else None

    def wait(self, now: float) -> float | None:
        """Seconds until somebody may be let in; None if nobody waits."""
        if self._prompt:
            return 0.0
        return max(0.0, self._due - now) if self._paced else None

    def _begin_pacing(self, now: float) -> None:
        """While nobody is paced, no time passes for the pause: it is the loop that is late."""
        if not self._paced:
            self._due = max(self._due, now)


class _Turns(Generic[T]):
    """Callers by address. Addresses take turns, and any caller can be removed, in constant time."""

    def __init__(self, newest_first: bool) -> None:
        self._newest_first = newest_first
        self._queues: OrderedDict[str, OrderedDict[T, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, address: str, caller: T) -> None:
        self._queues.setdefault(address, OrderedDict())[caller] = None

    def remove(self, address: str, caller: T) -> None:
        queue = self._queues.get(address)
        if queue is not None:
            queue.pop(caller, None)
            if not queue:
                del self._queues[address]

    def move(self, address: str, to: _Turns[T]) -> None:
        for caller in self._queues.pop(address, ()):
            to.add(address, caller)

    def take(self) -> T:
        address, queue = self._queues.popitem(last=False)
        caller, _ = queue.popitem(last=self._newest_first)
        if queue:
            self._queues[address] = queue  # behind all others
        return caller
