from __future__ import annotations

import asyncio

from signaling_server.transport.engine.write_batch import WriteBatch


def test_flushes_run_when_the_read_ends() -> None:
    turn = WriteBatch()
    done: list[str] = []
    with turn:
        turn.flush_later(lambda: done.append("first"))
        turn.flush_later(lambda: done.append("second"))
        assert done == []
    assert done == ["first", "second"]


def test_outside_of_a_read_flushes_run_in_the_next_turn_of_the_loop() -> None:
    turn = WriteBatch()
    done: list[str] = []

    async def play() -> None:
        turn.flush_later(lambda: done.append("first"))
        turn.flush_later(lambda: done.append("second"))
        assert done == []
        await asyncio.sleep(0)
        assert done == ["first", "second"]

    asyncio.run(play())
