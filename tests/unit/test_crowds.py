from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.core.protocol.events import Close
from signaling_server.transport import crowds as crowds_module
from signaling_server.transport.crowds import ENOUGH, LAST, STEP, TURN, Crowds


def commands(sid: str, count: int) -> list[Any]:
    return [Close(sid, str(number)) for number in range(count)]


class Stage:
    """Crowds whose time passes only while something is done: `cost` seconds for each step."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now = 0.0
        self.cost = cost
        self.done: list[Any] = []
        self.crowds = Crowds(self._carry_out, lambda: self.now)

    def _carry_out(self, sid: str, taken: list[Any]) -> None:
        self.now += self.cost
        self.done.append((sid, [command.code for command in taken]))

    def act(self, name: str) -> Callable[[], None]:
        def act() -> None:
            self.now += self.cost
            self.done.append(name)

        return act


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 20))


async def all_done(crowds: Crowds) -> None:
    while crowds.rooms:  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_what_waits_for_a_receiver_goes_together_and_in_order() -> None:
    async def scene() -> None:
        stage = Stage()
        for code in ("1", "2"):
            stage.crowds.add("room", [Close("a", code), Close("b", code)])
        assert stage.done == []
        assert "room" in stage.crowds.rooms
        await all_done(stage.crowds)
        assert stage.done == [("a", ["1", "2"]), ("b", ["1", "2"])]
        assert "room" not in stage.crowds.rooms

    play(scene)


def test_receivers_and_rooms_take_turns() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.crowds.add("crowd", commands("a", STEP + 1) + commands("b", 1))
        stage.crowds.add("other", commands("c", 1))
        await all_done(stage.crowds)
        assert [(sid, len(codes)) for sid, codes in stage.done] == [
            ("a", STEP),
            ("c", 1),
            ("b", 1),
            ("a", 1),
        ]

    play(scene)


def test_events_keep_their_order_and_come_before_commands() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.crowds.add("room", commands("a", 1))
        for name in ("first", "second"):
            stage.crowds.act_later("room", stage.act(name))
        assert stage.crowds.events("room") == 2
        await all_done(stage.crowds)
        assert stage.done == ["first", "second", ("a", ["0"])]
        assert stage.crowds.events("room") == 0

    play(scene)


def test_commands_go_before_the_next_event_if_many_wait() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.crowds.act_later("room", lambda: stage.crowds.add("room", commands("a", ENOUGH)))
        stage.crowds.act_later("room", stage.act("second"))
        await all_done(stage.crowds)
        assert stage.done.index("second") == 1

    play(scene)


def test_turn_of_the_loop_ends_when_its_time_is_up() -> None:
    async def scene() -> None:
        stage = Stage(cost=0.4 * TURN)
        for number in range(7):
            stage.crowds.act_later("room", stage.act(str(number)))
        counts = []
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(len(stage.done))
        assert counts == [3, 6, 7]

    play(scene)


def test_who_waits_for_a_turn_acts_before_what_comes_behind() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.crowds.act_later("room", stage.act("first"))

        async def wait(name: str) -> None:
            await stage.crowds.turn("room")
            stage.done.append(name)

        tasks = [asyncio.ensure_future(wait(name)) for name in ("gone", "task")]  # noqa: TID251
        await asyncio.sleep(0)
        stage.crowds.act_later("room", stage.act("last"))
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await all_done(stage.crowds)
        assert stage.done == ["first", "task", "last"]

    play(scene)


def test_what_fails_stops_nothing_behind_it() -> None:
    async def scene() -> None:
        stage = Stage()
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

        def fail() -> None:
            raise RuntimeError("a fault of the server")

        stage.crowds.act_later("room", fail)
        stage.crowds.act_later("room", stage.act("next"))
        await all_done(stage.crowds)
        assert stage.done == ["next"]

    play(scene)


def test_flush_does_everything_that_its_time_allows() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.crowds.add("one", commands("a", 3 * STEP))
        stage.crowds.act_later("other", stage.act("event"))
        stage.crowds.flush()
        assert (len(stage.done), bool(stage.crowds.rooms)) == (4, False)
        stage.cost = LAST / 2
        for number in range(3):
            stage.crowds.act_later("one", stage.act(str(number)))
        stage.crowds.flush()
        assert stage.done[4:] == ["0", "1"]

    play(scene)


def test_time_is_the_clock_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        done: list[str] = []
        crowds = Crowds(lambda sid, taken: done.append(sid))
        crowds.add("room", commands("a", 1))
        await all_done(crowds)
        assert done == ["a"]
        assert crowds_module.TURN < 0.01

    play(scene)
