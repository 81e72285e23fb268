"""The pool of strangers (core/protocol/strangers.py) with its limit, its clock and its doors.

Two places let strangers in: the door (TCP connections without a request) and the gate (Engine.IO
sessions without their CONNECT). Both put them here, each with the way to close it.
"""

from __future__ import annotations

import logging
import time
from typing import Callable, Hashable

from signaling_server.core.protocol.strangers import Strangers

log = logging.getLogger(__name__)

COMPLAINT_SECONDS = 10
"""The interval between two log lines about strangers that made room for others."""


class Entrance:
    """Strangers, at most `limit()` of them. A session's key is text; a TCP connection's is not."""

    def __init__(
        self, limit: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._pool = Strangers(limit())
        self._members: dict[Hashable, tuple[str, Callable[[], None]]] = {}
        """Of each: its address, and the way to close it."""
        self.when_evicted: Callable[[str], None] = lambda address: None
        """Called with the address of each that has to make room for others."""
        self.sessions = 0
        """How many of them are Engine.IO sessions."""
        self.evicted = 0
        """Strangers that made room for others so far."""
        self._complained_at = -float(COMPLAINT_SECONDS)

    def __len__(self) -> int:
        return len(self._pool)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._pool

    def add(self, key: Hashable, address: str, close: Callable[[], None]) -> None:
        """A stranger came. `close` is called if it has to make room for others."""
        self.leave(key)
        now = self._clock()
        self._pool.limit = self._limit()
        self._pool.add(key, address, now)
        self._members[key] = address, close
        self.sessions += isinstance(key, str)
        while (oldest := self._pool.evict(now)) is not None:
            self.evicted += 1
            self._complain(now)
            its_address, its_close = self._forget(oldest)
            self.when_evicted(its_address)
            its_close()

    def progress(self, key: Hashable) -> None:
        """A stranger sent something that brings it nearer to its CONNECT."""
        self._pool.progress(key)

    def leave(self, key: Hashable) -> None:
        """A stranger was let in, or has gone; anybody else is passed over."""
        if key in self._pool:
            self._pool.leave(key)
            self._forget(key)

    def _forget(self, key: Hashable) -> tuple[str, Callable[[], None]]:
        self.sessions -= isinstance(key, str)
        return self._members.pop(key)

    def _complain(self, now: float) -> None:
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            log.warning(
                "more callers without a CONNECT than limits.strangers; %d closed so far",
                self.evicted,
            )
