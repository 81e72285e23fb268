from __future__ import annotations

import asyncio

from signaling_server.transport.engine.write_batch import WriteBatch


def test_what_is_written_while_reading_goes_out_when_that_is_done() -> None:
    turn = WriteBatch()
    done: list[str] = []
    with turn:
        turn.flush_later(lambda: done.append("first"))
        turn.flush_later(lambda: done.append("second"))
        assert done == []
    assert done == ["first", "second"]


def test_what_is_written_at_another_time_goes_out_at_the_end_of_the_turn() -> None:
    turn = WriteBatch()
    done: list[str] = []

    async def play() -> None:
        turn.flush_later(lambda: done.append("first"))
        turn.flush_later(lambda: done.append("second"))
        assert done == []
        await asyncio.sleep(0)
        assert done == ["first", "second"]

    asyncio.run(play())
