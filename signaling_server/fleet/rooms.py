"""Where rooms are served: asks Redis, lets those in who wait, and gives up what nobody needs.

What is decided is decided in core/fleet/ownership.py; this carries it out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from typing import AbstractSet, Callable, Iterable, Mapping

from signaling_server.background import Background
from signaling_server.core.fleet.ownership import (
    Admit,
    Bury,
    Claim,
    Dissolve,
    Output,
    Ownership,
    Part,
    Release,
    Standing,
)
from signaling_server.errors import Rejection
from signaling_server.fleet.engine import Engine, EngineLost
from signaling_server.transport.edge import LONGEST_WAIT, TRY_AGAIN

log = logging.getLogger(__name__)

SETTLED = 2.0
"""Seconds that a client may take from the answer where its room is until it is in there."""
PAUSE = 0.05
"""Seconds until Redis is asked again that has not answered."""


class Rooms:
    """`part(host, reason)` ends the link to a host; `dissolve(room)` hangs up on all in a room;
    `is_empty(room)` tells whether nothing of a room is left in this host's relay.
    """

    def __init__(
        self,
        ownership: Ownership,
        engine: Engine,
        part: Callable[[str, str], None],
        dissolve: Callable[[str], None],
        is_empty: Callable[[str], bool],
        background: Background,
    ) -> None:
        self._ownership = ownership
        self._engine = engine
        self._part = part
        self._dissolve = dissolve
        self._is_empty = is_empty
        self._background = background
        self._loop = asyncio.get_running_loop()
        self._waiting: defaultdict[str, list[asyncio.Future[str]]] = defaultdict(list)
        """Clients that want to know who serves a room."""
        self._entering: Counter[str] = Counter()
        """Clients that have just heard that their room is served here."""

    async def owner(self, room: str) -> str:
        """The instance that serves a room; "": this host. Raises Rejection.

        It does not suspend for a room that is known.
        """
        answer: asyncio.Future[str] = self._loop.create_future()
        self._waiting[room].append(answer)
        self.decide(self._ownership.wanted(room))
        if not answer.done():
            try:
                await asyncio.wait_for(answer, LONGEST_WAIT)
            except asyncio.TimeoutError:
                raise Rejection("shutting-down", TRY_AGAIN) from None
        return answer.result()

    def _settled(self, room: str) -> None:
        self._entering[room] -= 1
        if not self._entering[room]:
            del self._entering[room]

    def serves(self, room: str) -> bool:
        """Whether this host serves a room, of which another host believes it."""
        if self._ownership.serves(room):
            return True
        if room not in self._ownership.rooms:
            # Redis believes it too: this host released the room while Redis could not hear it.
            self._background.start(self._release(room))
        return False

    def give_up(self, bound: Mapping[str, AbstractSet[str]]) -> None:
        """Forget the rooms in which nobody is any longer; `bound`: those that each door is for."""
        for room, known in list(self._ownership.rooms.items()):
            if room in self._waiting or room in self._entering:
                continue
            if known.standing is Standing.THEIRS:
                if room not in bound.get(known.owner, ()):
                    self._ownership.unbound(room)
            elif self._is_empty(room):
                self.decide(self._ownership.emptied(room))

    def decide(self, outputs: Iterable[Output]) -> None:
        """Carry out what was decided, in order."""
        for output in outputs:
            if isinstance(output, Claim):
                self._background.start(self._claim(output.rooms))
            elif isinstance(output, Release):
                self._background.start(self._release(output.room))
            elif isinstance(output, Admit):
                self._admit(output)
            elif isinstance(output, Dissolve):
                log.warning("room %s is served by another host: its peers meet there", output.room)
                self._dissolve(output.room)
            elif isinstance(output, Part):
                self._part(output.host, output.reason)
            else:
                self._background.start(self._bury(output))

    def _admit(self, admit: Admit) -> None:
        for answer in self._waiting.pop(admit.room, ()):
            if answer.done():
                continue
            answer.set_result(admit.owner)
            if not admit.owner:  # at once: it hears of it in a later turn of the loop
                self._entering[admit.room] += 1
                self._loop.call_later(SETTLED, self._settled, admit.room)

    async def _claim(self, rooms: tuple[str, ...]) -> None:
        try:
            owners = await self._engine.claim(rooms)
        except EngineLost:
            await asyncio.sleep(PAUSE)
            self.decide(self._ownership.unanswered(rooms))
        else:
            self.decide(self._ownership.claimed(rooms, owners))

    async def _release(self, room: str) -> None:
        with contextlib.suppress(EngineLost):  # whoever is sent here for it makes us try again
            await self._engine.release([room])

    async def _bury(self, bury: Bury) -> None:
        with contextlib.suppress(EngineLost):  # the next host that claims one of its rooms gets it
            while await self._engine.bury(bury.host, bury.seen_silent):
                pass
