"""Which STUN and TURN servers the clients use, from what they report of their connections.

The server may see another network than the clients do: what it finds silent may carry a call.
"""

from __future__ import annotations

from typing import Callable, Mapping

from signaling_server.core.ice.stun_url import Target
from signaling_server.core.protocol.rtc_report import ConnectionReport

MAX_ENDS = 8
"""Connections of one peer that are remembered."""
_OVER = frozenset(("new", "failed", "closed"))
"""The states in which a connection uses no server."""
_BY_STUN = frozenset(("srflx", "prflx"))
_RELAY = "relay"


class InUse:
    """The local end of each connection that a peer reports, where a server had part in it."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}

    def report(self, room: str, peer_id: str, report: ConnectionReport) -> None:
        """Take what a peer says of its connection."""
        ends = self._ends.setdefault((room, peer_id), {})
        other = getattr(report, "to", None) or ""
        local = report.candidate_pair.get("local", {})
        kind = local.get("type", "")
        if report.state in _OVER or (kind and kind not in {_RELAY, *_BY_STUN}):
            ends.pop(other, None)
        elif kind:
            ends.pop(other, None)
            ends[other] = local
            if len(ends) > MAX_ENDS:
                del ends[next(iter(ends))]
        if not ends:
            del self._ends[room, peer_id]

    def forget(self, is_here: Callable[[str, str], bool]) -> None:
        """Drop the peers that `is_here(room, peer_id)` does not know."""
        for key in [key for key in self._ends if not is_here(*key)]:
            del self._ends[key]

    def has(self, target: Target, addresses: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Whether a connection uses this server, as far as can be told: in doubt it does.

        `addresses` are those of the server, `others` those of all TURN servers.
        """
        return any(
            _uses(local, target, addresses, others)
            for ends in self._ends.values()
            for local in ends.values()
        )


def _uses(
    local: Mapping[str, str], target: Target, addresses: tuple[str, ...], others: tuple[str, ...]
) -> bool:
    if "url" in local:
        return local["url"] == target.url
    if local["type"] == _RELAY:
        address = local.get("address", "")
        return target.turn and (address in addresses or address not in others)
    return not target.turn
