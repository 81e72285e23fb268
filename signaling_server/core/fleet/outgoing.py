"""What one host says to another: what waits for the end of the turn, and what is not acknowledged.

All of it is charged to the budget that all share, until it is acknowledged or dropped.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from signaling_server.core.fleet.batch import RECORD
from signaling_server.core.protocol.limits import Budget, packet_cost

BATCH_BYTES = 262_144
"""From this size on a batch takes no more records."""


class Numbered(NamedTuple):
    """The records of one batch."""

    number: int
    body: str
    cost: int


class Outgoing:
    """The numbered batches of one link, from 1 on."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.bytes = 0
        """Of all that waits or is not acknowledged."""
        self.sent = 0
        """The number of the newest batch."""
        self.pending: list[str] = []
        self.kept: deque[Numbered] = deque()
        """What is not acknowledged, oldest first."""

    def put(self, text: str) -> None:
        """Let the text of a record wait for the end of the turn."""
        cost = packet_cost(text)
        self._budget.charge(cost)
        self.bytes += cost
        self.pending.append(text)

    def take(self) -> list[Numbered]:
        """Make batches of what waits."""
        batches: list[Numbered] = []
        texts: list[str] = []
        size = cost = 0
        for text in self.pending:
            texts.append(text)
            size += len(text)
            cost += packet_cost(text)
            if size >= BATCH_BYTES:
                batches.append(self._number(texts, cost))
                texts, size, cost = [], 0, 0
        if texts:
            batches.append(self._number(texts, cost))
        self.pending = []
        self.kept += batches
        return batches

    def _number(self, texts: list[str], cost: int) -> Numbered:
        self.sent += 1
        return Numbered(self.sent, RECORD.join(texts), cost)

    def acknowledged(self, number: int) -> None:
        """The other host has handled all up to this number."""
        while self.kept and self.kept[0].number <= number:
            cost = self.kept.popleft().cost
            self.bytes -= cost
            self._budget.release(cost)

    def drop(self) -> None:
        """Forget everything, and begin with number 1 again."""
        self._budget.release(self.bytes)
        self.bytes = self.sent = 0
        self.pending = []
        self.kept.clear()
