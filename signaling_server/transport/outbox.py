"""What is on its way out to one connection: in order, and bounded."""

from __future__ import annotations

import asyncio
from typing import Any

from engineio import packet


class SendQueue(asyncio.Queue):  # type: ignore[type-arg]
    """engine.io's queue of packets to write, which counts the bytes it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def _put(self, item: Any) -> None:
        self.bytes += _size(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self.bytes -= _size(item)
        return item


def _size(item: Any) -> int:
    data = getattr(item, "data", None)
    return len(data) if isinstance(data, str) else 0


class Outbox:
    """Texts (Socket.IO packets) for one connection.

    It is corked until the CONNECT answer is on its way: nothing may overtake that.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._corked: list[str] | None = []

    def send(self, text: str) -> None:
        """Queue a packet."""
        if self._corked is not None:
            self._corked.append(text)
        elif not self._socket.closed:
            self._socket.queue.put_nowait(packet.Packet(packet.MESSAGE, text))

    def uncork(self) -> None:
        """The CONNECT answer is queued: let everything else follow."""
        corked, self._corked = self._corked or [], None
        for text in corked:
            self.send(text)

    @property
    def messages(self) -> int:
        """Packets that wait."""
        return len(self._corked or ()) + int(self._socket.queue.qsize())

    @property
    def bytes(self) -> int:
        """Characters that wait, which are bytes but for text outside ASCII."""
        return sum(map(len, self._corked or ())) + int(self._socket.queue.bytes)
