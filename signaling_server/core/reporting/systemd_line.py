"""The line that `systemctl status` shows: what an operator in the field wants to know first."""

from __future__ import annotations

from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.core.words import ago, first, plural

SHOWN_PEERS = 6


def status_line(relay: Relay, metrics: Metrics, now: float) -> str:
    """Such as "2 peers in 1 room: gcom, streaming-node; 132 signals; last 3 s ago"."""
    signals = sum(metrics.signals.values())
    parts = [_who(relay), plural(signals, "signal")]
    if metrics.last_signal is not None:
        parts.append(f"last {ago(now - metrics.last_signal)} ago")
    if metrics.last_error:
        parts.append(f"last error: {metrics.last_error}")
    return "; ".join(parts)


def _who(relay: Relay) -> str:
    if not relay.peers:
        return "no peers"
    names = sorted(peer.peer_id for peer in relay.peers.values())
    rooms = {peer.room for peer in relay.peers.values()}
    where = f"{plural(len(names), 'peer')} in {plural(len(rooms), 'room')}"
    return f"{where}: {first(names, SHOWN_PEERS)}"
