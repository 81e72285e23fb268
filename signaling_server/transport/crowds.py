"""Crowded rooms take turns, so that a crowd slows itself and no other.

Goal: one signal in a room of 300 peers is 299 copies, and 300 such signals a second are 89,000.
Whoever is in another room must not wait for them; nor for a thousand peers that leave at once.

Plan: what a crowd does waits here: its events (a signal, a departure), in order, and the commands
that follow from them, by receiver. TURN seconds of each turn of the loop are spent on that, and
what came from the network meanwhile goes between. Rooms take turns, a step each: one event, or what
waits for one receiver. Events go first, until ENOUGH commands wait: the more waits for a receiver
the better, because all of it leaves in one write. What is little, and of a room of a few peers in
which nothing waits, never comes here.

Order: the events of a room keep theirs, and so do the commands for one receiver. Between two
receivers there is none.

Worst case: ENOUGH commands and those of one event for each crowded room, at 100 bytes each; events
as the callers bound them (switchboard.py). A step takes as long as an event of a room of
`limits.connections` peers does.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import Callable, Union

from signaling_server.core.protocol.events import Command

Act = Callable[[], None]
Event = Union[Act, "asyncio.Future[None]"]

MANY = 64
"""Commands of one event that are carried out at once."""
TURN = 0.001
"""Seconds of one turn of the loop; only a step that takes longer takes more."""
STEP = 64
"""Commands for one receiver in one step: less than the buffer of its connection takes."""
ENOUGH = 20_000
"""Commands of a room from which on they go before its next event."""
LAST = 0.5
"""Seconds for what waits when the server stops: what no longer happens was answered to nobody."""


class _Crowd:
    """What waits in one room."""

    __slots__ = ("commands", "count", "events")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.commands: OrderedDict[str, list[Command]] = OrderedDict()
        """By the sid of their receiver; the next one first."""
        self.count = 0
        """Commands."""

    def __bool__(self) -> bool:
        return bool(self.events or self.commands)

    def add(self, commands: list[Command]) -> None:
        waits = self.commands
        for command in commands:  # a million times a second, where a thousand peers speak
            waiting = waits.get(command.sid)
            if waiting is None:
                waits[command.sid] = [command]
            else:
                waiting.append(command)
        self.count += len(commands)

    def take(self) -> tuple[str, list[Command]]:
        """What waits for the next receiver, STEP commands of it."""
        sid, waiting = self.commands.popitem(last=False)
        taken, rest = waiting[:STEP], waiting[STEP:]
        self.count -= len(taken)
        if rest:
            self.commands[sid] = rest  # behind all others
        return sid, taken


class Crowds:
    """What waits in all rooms. `carry_out(sid, commands)` is called when their turn has come."""

    def __init__(
        self,
        carry_out: Callable[[str, list[Command]], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._carry_out = carry_out
        self._clock = clock
        # OrderedDict, not dict: see strangers.py.
        self.rooms: OrderedDict[str, _Crowd] = OrderedDict()
        """Those in which something waits, by name; the next one first. This dictionary is never
        replaced: the switchboard holds it, and looks in it at every signal without a call."""
        self._turn_is_set = False

    def act_later(self, room: str, act: Act) -> None:
        """Call `act`, which raises nothing, when all events of its room before it have happened."""
        self._crowd(room).events.append(act)

    async def turn(self, room: str) -> None:
        """Wait until all events of a room that came before have happened."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd(room).events.append(turn)
        await turn

    def add(self, room: str, commands: list[Command]) -> None:
        """Carry these out in their turn, behind those for the same receivers."""
        self._crowd(room).add(commands)

    def events(self, room: str) -> int:
        """How many events of a room wait."""
        crowd = self.rooms.get(room)
        return len(crowd.events) if crowd else 0

    def flush(self) -> None:
        """Do at once what LAST seconds allow: the server stops."""
        end = self._clock() + LAST
        while self.rooms and self._clock() < end:
            self._step()

    def _crowd(self, room: str) -> _Crowd:
        crowd = self.rooms.get(room)
        if crowd is None:
            crowd = self.rooms[room] = _Crowd()
        self._set_turn()
        return crowd

    def _set_turn(self) -> None:
        if not self._turn_is_set:
            self._turn_is_set = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn_is_set = False
        end = self._clock() + TURN
        try:
            while self.rooms and self._step() and self._clock() < end:
                pass
        finally:
            if self.rooms:
                self._set_turn()

    def _step(self) -> bool:
        """Let the next room do one thing; False if that is not over when this returns."""
        name, crowd = next(iter(self.rooms.items()))
        self.rooms.move_to_end(name)
        try:
            if crowd.events and crowd.count < ENOUGH:
                return _happen(crowd.events.popleft())
            self._carry_out(*crowd.take())
            return True
        finally:
            if not crowd:
                del self.rooms[name]


def _happen(event: Event) -> bool:
    if not isinstance(event, asyncio.Future):
        event()
        return True
    if event.done():  # nobody waits for it any longer
        return True
    event.set_result(None)
    return False
