"""Two programs that call each other, and what must be true of what they hear."""

from __future__ import annotations

import asyncio
import functools
from typing import NamedTuple

from fleet.program import Program


class Call(NamedTuple):
    """gcom on its host, which owns the room, and drone on another."""

    gcom: Program
    drone: Program

    async def both_hear(self, moment: float) -> float:
        """Wait until each hears what the other says after a moment; returns the seconds."""
        at = await asyncio.gather(
            self.gcom.hears_what_is_said_after(moment, self.drone),
            self.drone.hears_what_is_said_after(moment, self.gcom),
        )
        return max(at) - moment

    async def drain(self) -> None:
        """Say no more, and wait until all that was said is answered, and heard."""
        for one in self:
            one.speaks = False
        for one, other in (self, self[::-1]):
            await asyncio.wait_for(one.until(functools.partial(_all_is_said, one)), 10)
            await asyncio.wait_for(other.until(functools.partial(_all_is_heard, one, other)), 10)

    def assert_in_order(self) -> None:
        for one in self:
            one.assert_in_order()

    def assert_undisturbed(self) -> None:
        """All was heard, and nobody noticed anything."""
        self.assert_in_order()
        for one, other in (self, self[::-1]):
            assert one.breaks == []
            assert [event for event, _ in one.events].count("peer_left") == 0
            assert [heard.number for heard in one.heard] == [*range(len(other.sent))]


def _all_is_said(one: Program) -> bool:
    return len(one.answers) == len(one.sent)


def _all_is_heard(one: Program, other: Program) -> bool:
    return len(other.heard) >= len(one.sent)
