"""The path that a call takes, in one line, by what its peers report."""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.insight.negotiation import Pair

_NETWORKS = {
    "wifi": "Wi-Fi",
    "ethernet": "Ethernet",
    "cellular": "mobile network",
    "vpn": "VPN",
    "bluetooth": "Bluetooth",
}
"""https://www.w3.org/TR/webrtc-stats/ (RTCNetworkType) -> words."""


def path_of(pair: Pair) -> str | None:
    """Such as "direct, Wi-Fi: host udp 10.0.0.1 -> 10.0.0.2"; None while it is not known."""
    if not pair.connected:
        return None
    for side in pair.sides.values():
        ends = side.report.candidate_pair if side.report else {}
        local, remote = ends.get("local", {}), ends.get("remote", {})
        if local.get("type") and remote.get("type"):
            return _line(local, remote)
    return None


def _line(local: Mapping[str, str], remote: Mapping[str, str]) -> str:
    relayed = "relay" in (local["type"], remote["type"])
    way = "over TURN" if relayed else "direct"
    network = _NETWORKS.get(local.get("network", ""), "")
    kinds = list(dict.fromkeys((local["type"], remote["type"])))
    protocol = local.get("protocol") or remote.get("protocol") or ""
    parts = ["/".join(kinds), protocol.lower()]
    if local.get("address") and remote.get("address"):
        parts.append(f"{local['address']} -> {remote['address']}")
    return f"{', '.join(filter(None, (way, network)))}: {' '.join(filter(None, parts))}"
