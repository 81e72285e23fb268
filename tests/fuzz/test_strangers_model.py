"""The pool of strangers against a list that is searched from end to end."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from signaling_server.core.protocol.strangers import GRACE, Strangers

keys = st.integers(0, 12)
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"])


class Caller(NamedTuple):
    key: int
    address: str
    came: float
    spoke: bool


class StrangersModel(RuleBasedStateMachine):
    @initialize(limit=st.integers(0, 6))
    def begin(self, limit: int) -> None:
        self.pool = Strangers(limit)
        self.limit = limit
        self.callers: list[Caller] = []  # oldest first
        self.now = 100.0

    @rule(seconds=st.sampled_from([0.01, GRACE / 2, GRACE, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=keys, address=addresses)
    def come(self, key: int, address: str) -> None:
        self.pool.add(key, address, self.now)
        self.forget(key)
        self.callers.append(Caller(key, address, self.now, False))

    @rule(key=keys)
    def speak(self, key: int) -> None:
        self.pool.progress(key)
        self.callers = [c._replace(spoke=True) if c.key == key else c for c in self.callers]

    @rule(key=keys)
    def go(self, key: int) -> None:
        self.pool.leave(key)
        self.forget(key)

    @rule()
    def evict(self) -> None:
        gone = self.pool.evict(self.now)
        assert gone in self.candidates()
        if gone is not None:
            self.forget(gone)

    @invariant()
    def same_callers(self) -> None:
        assert len(self.pool) == len(self.callers)
        assert all(caller.key in self.pool for caller in self.callers)

    def forget(self, key: object) -> None:
        self.callers = [caller for caller in self.callers if caller.key != key]

    def candidates(self) -> list[int | None]:
        """Who may go: of addresses that hold as many, either one's oldest."""
        if len(self.callers) <= self.limit:
            return [None]
        silent = [c.key for c in self.callers if not c.spoke and c.came + GRACE <= self.now]
        if silent:
            return [silent[0]]
        held = Counter(caller.address for caller in self.callers)
        most = {address for address, count in held.items() if count == max(held.values())}
        return [next(c.key for c in self.callers if c.address == address) for address in most]


TestStrangersModel = StrangersModel.TestCase
