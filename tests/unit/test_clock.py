from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from engineio import async_socket

from signaling_server.transport.engine.clock import use_monotonic_clock


def alive_after_a_jump(monkeypatch: pytest.MonkeyPatch, years: float) -> bool:
    """Whether engine.io holds a connection with a PING under way for alive when time jumps."""

    async def scene() -> bool:
        ended: list[object] = []

        async def trigger(*event: object, **_: object) -> None:
            ended.append(event)

        server = SimpleNamespace(
            ping_timeout=10,
            logger=SimpleNamespace(info=lambda *_: None),
            _trigger_event=trigger,
            create_queue=asyncio.Queue,
            reason=SimpleNamespace(PING_TIMEOUT="ping timeout"),
        )
        socket = async_socket.AsyncSocket(server, "sid")
        socket.last_ping = async_socket.time.time()
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + years * 365 * 86400)
        alive = await socket.check_ping_timeout()
        monkeypatch.undo()
        assert alive is not bool(ended)
        return bool(alive)

    return asyncio.run(scene())


@pytest.mark.parametrize("years", [56, -56])
def test_clock_that_jumps_ends_no_connection(monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    use_monotonic_clock()
    assert alive_after_a_jump(monkeypatch, years)


def test_without_the_monotonic_clock_a_jump_would_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_socket, "time", time)
    assert not alive_after_a_jump(monkeypatch, 56)
