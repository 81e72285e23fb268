"""Texts on their way to one client, held back until the answer to its CONNECT is on its way."""

from __future__ import annotations

from typing import Any

from engineio import packet

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.limits import Budget, packet_cost


class Outbox:
    """Texts (Socket.IO packets) for one connection.

    It is corked until the CONNECT answer is on its way: nothing may overtake that.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._corked: list[str] | None = []

    def send(self, text: str) -> bool:
        """Write a packet, or queue it; True if it has to wait."""
        socket = self._socket
        if self._corked is not None:
            self._corked.append(text)
            return True
        if socket.upgraded and socket.websocket and socket.websocket.write(text):
            return False
        if not (socket.closed or socket.queue.dropped):
            socket.queue.put_nowait(packet.Packet(packet.MESSAGE, text))
        return True

    def uncork(self) -> None:
        """The CONNECT answer is queued: let everything else follow."""
        corked, self._corked = self._corked or [], None
        for text in corked:
            self.send(text)

    def over(self, limits: LimitsSettings, budget: Budget) -> bool:
        """Whether more waits than may, because the client does not read."""
        messages, size = int(self._socket.queue.qsize()), int(self._socket.queue.bytes)
        if self._corked:
            messages, size = len(self._corked), sum(map(packet_cost, self._corked))
        return messages > 0 and (
            messages > limits.send_queue_messages
            or size > limits.send_queue_bytes
            or budget.exceeded_by(size)
        )
