"""The reports of the Python examples, from what aiortc and GStreamer count."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from faults.programs import ROOT

sys.path.insert(0, str(ROOT / "docs" / "examples"))

from gstreamer_report import Meter
from report import Call


class Connection:
    """An RTCPeerConnection that has counted this."""

    def __init__(self, round_trip: float | None) -> None:
        self._round_trip = round_trip

    async def getStats(self) -> dict[str, Any]:
        inbound = {"roundTripTime": self._round_trip, "packetsLost": 3}
        return {
            "transport": SimpleNamespace(type="transport", bytesSent=1000, bytesReceived=0),
            "remote": SimpleNamespace(type="remote-inbound-rtp", **inbound),
        }


@pytest.mark.parametrize(("known", "told"), [(None, None), (0.02, 20.0)])
def test_example_reports_a_round_trip_time_once_there_is_one(
    known: float | None, told: float | None
) -> None:
    """aiortc has none until a receiver report echoes a sender report."""
    stats = asyncio.run(Call(Connection(known))._stats())
    assert stats.get("round_trip_ms") == told
    assert stats["packets_lost"] == 3


class Structure:
    """What Meter uses of a Gst.Structure."""

    def __init__(self, name: str, **fields: Any) -> None:
        self._name = name
        self._fields = {name.replace("_", "-"): value for name, value in fields.items()}

    def get_name(self) -> str:
        return self._name

    def n_fields(self) -> int:
        return len(self._fields)

    def nth_field_name(self, number: int) -> str:
        return [*self._fields][number]

    def get_value(self, name: str) -> Any:
        return self._fields[name]

    def get_string(self, name: str) -> Any:
        return self._fields.get(name)


def statistics(sent: int) -> Structure:
    """The reply to get-stats of GStreamer 1.22, as far as it is read."""
    here = Structure("remote-candidate", id="a", candidate_type="host", address="10.0.0.1")
    there = Structure("local-candidate", id="b", candidate_type="relay", protocol="udp")
    return Structure(
        "application/x-webrtc-stats",
        a=here,
        b=there,
        c=Structure("candidate-pair", id="c", local_candidate_id="a", remote_candidate_id="b"),
        d=Structure("outbound-rtp", id="d", bytes_sent=sent),
        e=Structure("remote-inbound-rtp", id="e", round_trip_time=0.02, packets_lost=3),
        some_text="not a structure",
    )


def test_gstreamer_reports_its_path_its_figures_and_the_bitrate_between_two_looks() -> None:
    meter = Meter()
    meter.measure(statistics(sent=1000), now=10.0)
    measured = meter.measure(statistics(sent=251_000), now=12.0)
    assert measured["stats"] == {"bitrate_kbps": 1000.0, "round_trip_ms": 20.0, "packets_lost": 3}
    assert measured["candidate_pair"] == {
        "local": {"type": "host", "protocol": "", "address": "10.0.0.1"},
        "remote": {"type": "relay", "protocol": "udp", "address": ""},
    }


def test_gstreamer_reports_no_path_before_there_is_one() -> None:
    assert Meter().measure(Structure("application/x-webrtc-stats"), 1.0) == {
        "candidate_pair": {},
        "stats": {},
    }
