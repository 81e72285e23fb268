"""What was measured: figures by row and column, what failed, and how quiet the machine was."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Sequence

from benchmarks.rows import Phase, Row

NOISE_PERCENT = 5
"""Of core 0 for others: more, and the figures are not to be quoted."""


@dataclass
class Results:
    """Grows measurement by measurement; goes to results.json as it is."""

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By row and column; an empty list: all its measurements failed."""
    failures: list[str] = field(default_factory=list)
    foreign_percent: list[float] = field(default_factory=list)
    """What others took of core 0, the server's, in the last phase of each run."""

    def expect(self, rows: Sequence[Row], column: str) -> None:
        """These rows are measured for a column."""
        for row in rows:
            self.rows.setdefault(row.name, {}).setdefault(column, [])

    def add(self, rows: Sequence[Row], column: str, phases: Sequence[Phase]) -> None:
        """One measurement's figures, for the rows that share it."""
        for row in rows:
            self.rows[row.name][column].append(row.figure(phases))
        if "foreign_percent" in phases[-1]:
            self.foreign_percent.append(phases[-1]["foreign_percent"])

    def remarks(self) -> list[str]:
        """What a reader of the figures must know."""
        noise = median(self.foreign_percent) if self.foreign_percent else 0.0
        loud = f"others took {noise:.0f} % of core 0: measure again on a quiet machine"
        return [*self.failures, *([loud] if noise > NOISE_PERCENT else [])]
