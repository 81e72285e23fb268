"""Delivery: who gets a signal now, for whom it is kept, and for whom there is no room."""

from __future__ import annotations

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.events import Forward, Output, Send, make
from signaling_server.core.protocol.limits import packet_cost
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.peers import Peer, State
from signaling_server.core.protocol.replay import delivery_horizon
from signaling_server.errors import Rejection

_PRESENT = State.PRESENT


class Delivery:
    """Hands signals to peers. You must call `configure` with each new configuration."""

    def __init__(self, config: Config) -> None:
        self.configure(config)

    def configure(self, config: Config) -> None:
        """There is a new configuration."""
        self._limits = config.resume
        self.horizon = delivery_horizon(config.socketio)
        """Seconds after which a written signal has arrived, if its connection is still there."""

    def forward(
        self, receivers: list[Peer], sender: Peer, signal: Signal, now: float
    ) -> tuple[list[Output], int, int]:
        """Write a signal to those who are present, and keep it for those who are away. Returns what
        follows, how many copies were written, and how many wait.

        Where there is no room to keep it the sender is told, with the outputs. Raises Rejection
        `hold-full` if there is no room for anybody.
        """
        outputs: list[Output] = []
        full: list[Peer] = []
        held = cost = 0
        peer_id, author, limits, present = sender.peer_id, sender.as_sender, self._limits, _PRESENT
        for peer in receivers:
            replay = peer.replay
            if replay is not None:
                cost = cost or packet_cost(signal.body, signal.size)
            if peer.state is present:
                seq = 0
                if replay is not None:
                    seq = replay.keep_sent(author, signal, cost, limits, self.horizon, now)
                outputs.append(make(Forward, (peer.sid, signal, peer_id, seq)))
            elif replay is not None and replay.keep_unsent(author, signal, cost, limits, now):
                held += 1
            else:
                full.append(peer)
        delivered = len(outputs)
        if full:
            outputs += _refused(full, sender, accepted=delivered + held > 0)
        return outputs, delivered, held


def _refused(full: list[Peer], sender: Peer, accepted: bool) -> list[Output]:
    """Tell the sender of the copies that found no room; if all did, refuse the signal."""
    outputs: list[Output] = []
    for peer in full:
        message = f"{peer.peer_id} is away and its queue of waiting signals is full"
        rejection = Rejection("hold-full", message, to=peer.peer_id)
        if not accepted:
            raise rejection
        outputs.append(Send(sender.sid, "error", rejection.payload()))
    return outputs
