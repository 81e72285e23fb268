from __future__ import annotations

import asyncio
import socket

import pytest

from signaling_server.appliance.peek import SIZE, _notice, peek


def test_first_bytes_are_seen_and_stay() -> None:
    async def scene() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with ours, theirs:
            task = asyncio.get_running_loop().create_task(peek(theirs, 5))
            await asyncio.sleep(0)
            ours.sendall(b"x" * 99)
            assert await task == b"x" * SIZE
            assert theirs.recv(200) == b"x" * 99

    asyncio.run(scene())


def test_caller_that_says_nothing_is_given_up() -> None:
    async def scene() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(asyncio.TimeoutError):
                await peek(theirs, 0.01)
            assert not asyncio.get_running_loop().remove_reader(theirs)

    asyncio.run(scene())


def test_second_notice_does_no_harm() -> None:
    async def scene() -> None:
        readable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        _notice(readable)
        _notice(readable)

    asyncio.run(scene())
