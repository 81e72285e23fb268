from __future__ import annotations

import asyncio
import contextlib

import pytest

from signaling_server import background
from signaling_server.background import Background


async def loses_cancellations(count: int) -> None:
    """As a loop around asyncio.wait_for may."""
    for _ in range(count):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_task_that_loses_a_cancellation_is_cancelled_again(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "CANCEL_AGAIN", 0.01)

    async def scene() -> None:
        tasks = Background()
        task = tasks.start(loses_cancellations(count))
        await asyncio.sleep(0)
        await asyncio.wait_for(tasks.cancel(), 10)
        assert task.cancelled()

    asyncio.run(scene())


def test_task_has_time_to_clean_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append("all")

    async def scene() -> None:
        tasks = Background()
        tasks.start(work())
        await asyncio.sleep(0)
        await tasks.cancel()

    asyncio.run(scene())
    assert cleaned == ["all"]


def test_failure_of_a_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("of the task")

    async def scene() -> None:
        tasks = Background()
        await asyncio.wait([tasks.start(work())])
        await asyncio.sleep(0)
        await tasks.cancel()

    asyncio.run(scene())
    assert [record.message for record in caplog.records] == ["a background task failed"]
