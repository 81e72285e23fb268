"""What a caller says first, before anybody reads it."""

from __future__ import annotations

import asyncio
import socket

SIZE = 16
"""Bytes: enough for the longest signature (core/protocol/refusals.py, first_bytes)."""


async def peek(caller: socket.socket, seconds: float) -> bytes:
    """The first bytes, which stay in the socket; b"" if the caller closes instead.

    Raises asyncio.TimeoutError if nothing has come after `seconds`, OSError if the caller is gone.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(caller, _notice, readable)
    try:
        await asyncio.wait_for(readable, seconds)
    finally:
        loop.remove_reader(caller)
    return caller.recv(SIZE, socket.MSG_PEEK)


def _notice(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
