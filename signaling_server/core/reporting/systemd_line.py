"""The line that `systemctl status` shows: what an operator in the field wants to know first."""

from __future__ import annotations

from signaling_server.core.fleet.state import FleetState
from signaling_server.core.insight.finding import NOTE
from signaling_server.core.insight.headline import Headline
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.core.words import ago, first, plural

SHOWN_PEERS = 6


def status_line(relay: Relay, metrics: Metrics, headline: Headline | None, now: float) -> str:
    """Such as "2 peers in 1 room: gcom, streaming-node; 132 signals; last 3 s ago".

    What is wrong comes first, with what to do; a note is no reason to look.
    """
    signals = sum(metrics.signals.values())
    parts = [*_worst(headline), _who(relay), plural(signals, "signal")]
    if metrics.last_signal is not None:
        parts.append(f"last {ago(now - metrics.last_signal)} ago")
    if metrics.last_error:
        parts.append(f"last error: {metrics.last_error}")
    return "; ".join(parts)


def fleet_line(state: FleetState | None) -> list[str]:
    """Such as ["3 hosts: a (here), b, c"]; what is wrong is among the warnings."""
    if state is None:
        return []
    there = [host.name for host in state.hosts[1:] if host.linked and state.together]
    names = first([f"{state.name} (here)", *there], SHOWN_PEERS)
    return [f"{plural(1 + len(there), 'host')}: {names}"]


def _worst(headline: Headline | None) -> list[str]:
    if headline is None or headline.finding.severity == NOTE:
        return []
    where = f"{headline.room}: " if headline.room else ""
    return [f"{where}{headline.finding.text} {headline.finding.advice}"]


def _who(relay: Relay) -> str:
    if not relay.peers:
        return "no peers"
    names = sorted(peer.peer_id for peer in relay.peers.values())
    rooms = {peer.room for peer in relay.peers.values()}
    where = f"{plural(len(names), 'peer')} in {plural(len(rooms), 'room')}"
    return f"{where}: {first(names, SHOWN_PEERS)}"
