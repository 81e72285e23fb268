"""The reports of the Python examples, from what aiortc counts."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from faults.programs import ROOT

sys.path.insert(0, str(ROOT / "docs" / "examples"))

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
