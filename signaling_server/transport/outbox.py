"""Socket.IO packets on their way to one client, in order."""

from __future__ import annotations

from typing import Callable

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.limits import Budget, packet_cost
from signaling_server.transport.engine.socket import ClientSocket


class Outbox:
    """Corked while CONNECT is handled: nothing may overtake its answer, and python-socketio sends
    that only after the connect handler, which makes `welcome`, has returned.
    """

    __slots__ = ("_corked", "_socket", "send")

    def __init__(self, socket: ClientSocket) -> None:
        self._socket = socket
        self._corked: list[str] = []
        self.send: Callable[[str], bool] = self._hold_back
        """Write a packet, or queue it; True if it has to wait."""

    def _hold_back(self, packet: str) -> bool:
        self._corked.append(packet)
        return True

    def uncork(self) -> None:
        """The answer to CONNECT is queued: let everything else follow."""
        self.send = self._socket.writer  # directly: the fast path has two calls less
        for packet in self._corked:
            self.send(packet)
        self._corked = []

    def over(self, limits: LimitsSettings, budget: Budget) -> bool:
        """Whether more waits than the limits allow, because the client does not read."""
        packets, size = self._socket.waiting
        if self._corked:
            packets, size = len(self._corked), sum(map(packet_cost, self._corked))
        return packets > 0 and (
            packets > limits.send_queue_messages
            or size > limits.send_queue_bytes
            or budget.exceeded_by(size)
        )
