# SPDX-License-Identifier: MIT
"""What gstreamer_node.py reports of a call: webrtcbin's statistics in the form of a `report`.

It reads them without GStreamer: anything with the methods of a Gst.Structure will do.
"""

from __future__ import annotations

from typing import Any, Iterator

ENDS = ("local", "remote")


class Meter:
    """Measures one call: the bitrate needs what was counted before."""

    def __init__(self) -> None:
        self._counted = (0.0, 0)

    def measure(self, statistics: Any, now: float) -> dict[str, Any]:
        """`candidate_pair` and `stats` of a `report`, from the reply to `get-stats`."""
        known = {each.get_string("id"): each for each in _parts(statistics)}
        return {"candidate_pair": _candidate_pair(known), "stats": self._stats(known, now)}

    def _stats(self, known: dict[str, Any], now: float) -> dict[str, float]:
        stats = {}
        for each in known.values():
            if each.get_name() == "outbound-rtp":
                total = each.get_value("bytes-sent")
                before, bytes_before = self._counted
                kilobits = (total - bytes_before) * 8 / 1000
                stats["bitrate_kbps"] = max(0.0, kilobits / max(0.001, now - before))
                self._counted = (now, total)
            elif each.get_name() == "remote-inbound-rtp":
                stats["round_trip_ms"] = each.get_value("round-trip-time") * 1000
                stats["packets_lost"] = max(0, each.get_value("packets-lost"))
        return stats


def _parts(statistics: Any) -> Iterator[Any]:
    for index in range(statistics.n_fields()):
        value = statistics.get_value(statistics.nth_field_name(index))
        if hasattr(value, "get_name"):  # a structure; all others are plain values
            yield value


def _candidate_pair(known: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The selected pair. GStreamer 1.22 mixes up the types of its ends, but not their ids."""
    for pair in known.values():
        if pair.get_name() == "candidate-pair":
            ends = {end: known.get(pair.get_string(f"{end}-candidate-id")) for end in ENDS}
            return {end: _candidate(each) for end, each in ends.items() if each}
    return {}


def _candidate(each: Any) -> dict[str, str]:
    fields = {"type": "candidate-type", "protocol": "protocol", "address": "address"}
    return {field: each.get_string(name) or "" for field, name in fields.items()}
