"""The WebSockets of all Python clients in this process, validated as their frames pass.

python-socketio's client and the tests' own clients use aiohttp: whatever one of them hears counts,
whether or not its test looks at it. What JavaScript clients and long-polling clients hear passes
through integration/client.py.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator
from unittest import mock
from weakref import WeakKeyDictionary

import aiohttp

from contract.watch import Frames


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Validate the frames of every WebSocket of aiohttp's client."""
    socket = aiohttp.ClientWebSocketResponse
    receive, send = socket.receive, socket.send_str
    frames: WeakKeyDictionary[Any, Frames] = WeakKeyDictionary()

    async def watched_receive(self: Any, *arguments: Any, **options: Any) -> Any:
        message = await receive(self, *arguments, **options)
        if message.type is aiohttp.WSMsgType.TEXT:
            frames.setdefault(self, Frames()).received(message.data)
        return message

    async def watched_send(self: Any, data: str, *arguments: Any, **options: Any) -> None:
        frames.setdefault(self, Frames()).sent(data)
        await send(self, data, *arguments, **options)

    with mock.patch.multiple(socket, receive=watched_receive, send_str=watched_send):
        yield
