from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

from signaling_server.core.protocol.events import Close
from signaling_server.transport import copies as copies_module
from signaling_server.transport.copies import CHUNK, COPIES_PER_TURN, Copies


def commands(room: str, count: int) -> list[Any]:
    return [Close(room, str(number)) for number in range(count)]


def play(scene: Callable[[Copies, list[Any]], Any]) -> None:
    async def act() -> None:
        done: list[Any] = []
        await scene(Copies(done.append), done)

    asyncio.run(act())


def test_rooms_take_turns_and_keep_their_order() -> None:
    async def scene(copies: Copies, done: list[Any]) -> None:
        copies.add("crowd", commands("crowd", 10 * CHUNK))
        copies.add("crowd", commands("later", 3))
        copies.add("small", commands("small", 2))
        assert done == []
        assert "crowd" in copies
        while copies:  # noqa: ASYNC110
            await asyncio.sleep(0)
        order = [command.sid for command in done]
        assert order.index("small") == CHUNK
        assert [one for one in done if one.sid == "crowd"] == commands("crowd", 10 * CHUNK)
        assert order[-3:] == ["later"] * 3
        assert "crowd" not in copies
        assert "small" not in copies

    play(scene)


def test_turn_of_the_loop_carries_out_only_so_many() -> None:
    async def scene(copies: Copies, done: list[Any]) -> None:
        copies.add("crowd", commands("crowd", 3 * COPIES_PER_TURN))
        counts = []
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(len(done))
        assert counts == [COPIES_PER_TURN, 2 * COPIES_PER_TURN, 3 * COPIES_PER_TURN]

    play(scene)


def test_flush_carries_out_everything() -> None:
    async def scene(copies: Copies, done: list[Any]) -> None:
        for room in ("one", "other"):
            copies.add(room, commands(room, 100))
        copies.flush()
        assert (len(done), bool(copies)) == (200, False)
        await asyncio.sleep(0)
        copies.add("one", commands("one", 1))
        await asyncio.sleep(0)
        assert len(done) == 201

    play(scene)


def test_room_and_all_rooms_are_full_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_module, "MOST_OF_A_ROOM", 50)
    monkeypatch.setattr(copies_module, "MOST_COPIES", 80)

    async def scene(copies: Copies, done: list[Any]) -> None:
        copies.add("one", commands("one", 50))
        assert not copies.full("one")
        copies.add("one", commands("one", 1))
        assert copies.full("one")
        copies.add("other", commands("other", 30))
        assert copies.full("other"), "all together are too many"
        assert not copies.full("third"), "a room that has nothing in it may speak"
        copies.flush()
        assert not copies.full("one")

    play(scene)
