"""Callers that have sent nothing yet."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Awaitable, Callable

from signaling_server.appliance.caller import Caller
from signaling_server.appliance.silent_callers import WORDS_PER_TURN, SilentCallers


class Outside:
    """Silent callers, their other ends, and who has been heard."""

    def __init__(self) -> None:
        self.heard: list[Caller] = []
        self.turn = asyncio.Event()
        self.silent = SilentCallers(self.heard.append, self.turn.set)
        self.far: list[socket.socket] = []

    def come(self) -> Caller:
        near, far = socket.socketpair()
        self.far.append(far)
        caller = Caller(near)
        self.silent.add(caller)
        return caller

    def leave(self) -> None:
        for caller in [*self.silent.take_all(), *self.heard]:
            caller.socket.close()
        for far in self.far:
            far.close()
        self.silent.close()


def play(scene: Callable[[Outside], Awaitable[Any]]) -> None:
    async def run() -> None:
        outside = Outside()
        await scene(outside)
        outside.leave()

    asyncio.run(run())


def test_caller_that_speaks_or_goes_is_heard_once_and_a_silent_one_not() -> None:
    async def scene(outside: Outside) -> None:
        speaks, goes, silent = (outside.come() for _ in range(3))
        outside.far[0].send(b"GET /")
        outside.far[1].close()
        await asyncio.wait_for(outside.turn.wait(), 5)
        assert outside.heard == [speaks, goes]
        assert (speaks.first_line, goes.first_line, silent.first_line) == (b"GET /", None, b"")
        outside.silent.hear()
        assert outside.heard == [speaks, goes]
        assert outside.silent.take_all() == [silent]
        silent.socket.close()

    play(scene)


def test_caller_that_was_removed_is_not_heard() -> None:
    async def scene(outside: Outside) -> None:
        removed = outside.come()
        outside.silent.remove(removed)
        outside.silent.remove(removed)
        outside.far[0].send(b"GET /")
        outside.silent.hear()
        assert outside.heard == []
        removed.socket.close()

    play(scene)


def test_place_of_one_that_has_gone_is_for_the_next() -> None:
    async def scene(outside: Outside) -> None:
        first = outside.come()
        outside.silent.remove(first)
        number = first.socket.fileno()
        first.socket.close()
        near, far = socket.socketpair()
        outside.far.append(far)
        if near.fileno() != number:
            near = socket.socket(fileno=socket.dup(near.detach()))
        second = Caller(near)
        outside.silent.add(second)
        outside.silent.remove(first)
        far.send(b"x")
        outside.silent.hear()
        assert outside.heard == [second]

    play(scene)


def test_crowd_that_speaks_at_once_is_heard_in_turns() -> None:
    async def scene(outside: Outside) -> None:
        for _ in range(WORDS_PER_TURN + 1):
            outside.come()
            outside.far[-1].send(b"x")
        outside.silent.hear()
        assert len(outside.heard) == WORDS_PER_TURN
        outside.turn.clear()
        await asyncio.wait_for(outside.turn.wait(), 5)
        assert len(outside.heard) == WORDS_PER_TURN + 1

    play(scene)
