"""Reports of calls, so that the server's status page need not guess whether there is video, and why
not. Optional: the calls of streaming_node.py and gcom.py work without it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiortc import RTCPeerConnection
from signaling import Signaling

REPORT_SECONDS = 2


class Call:
    """One RTCPeerConnection, and what was counted when it was reported last."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self.pc = pc
        self.frames: int | None = None
        """Frames seen so far; None: this side watches none."""
        self._counted = (time.monotonic(), 0, 0)

    async def report(self) -> dict[str, Any]:
        """The body of a `report` event."""
        body: dict[str, Any] = {"state": self.pc.connectionState}
        if self.pc.connectionState == "connected":
            body["candidate_pair"] = candidate_pair(self.pc)
            body["stats"] = await self._stats()
        return body

    async def _stats(self) -> dict[str, float]:
        reports = list((await self.pc.getStats()).values())
        transports = {id(report): report for report in reports if report.type == "transport"}
        received = "bytesSent" if self.frames is None else "bytesReceived"
        total = sum(getattr(report, received) for report in transports.values())
        stats = {"bitrate_kbps": 0.0}
        for report in reports:
            if report.type == "remote-inbound-rtp":
                if report.roundTripTime is not None:  # the first receiver reports bring none
                    stats["round_trip_ms"] = report.roundTripTime * 1000
                stats["packets_lost"] = report.packetsLost
            elif report.type == "inbound-rtp":
                stats["packets_lost"] = report.packetsLost
        now, frames = time.monotonic(), self.frames or 0
        before, bytes_before, frames_before = self._counted
        seconds = max(0.001, now - before)
        stats["bitrate_kbps"] = (total - bytes_before) * 8 / 1000 / seconds
        if self.frames is not None:
            stats["frames_per_second"] = (frames - frames_before) / seconds
        self._counted = (now, total, frames)
        return {name: max(0, number) for name, number in stats.items()}


class Reporter:
    """Reports each call when its state changes, after each `welcome`, and while it stands."""

    def __init__(self, signaling: Signaling) -> None:
        self._signaling = signaling
        self._calls: dict[str, Call] = {}

    async def run(self) -> None:
        """Report all calls every REPORT_SECONDS."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if self._calls:
                await self.report_all()

    def begin(self, peer_id: str, pc: RTCPeerConnection) -> None:
        """A call begins: it replaces the peer's older one. Call it before you close that one."""
        self._calls[peer_id] = Call(pc)

        @pc.on("connectionstatechange")
        async def changed() -> None:
            await self._report(peer_id, pc)

    async def saw_frame(self, peer_id: str) -> None:
        """A frame of a peer's video has arrived."""
        call = self._calls[peer_id]
        call.frames = (call.frames or 0) + 1
        if call.frames == 1:
            await self._report(peer_id, call.pc)

    def watches(self, peer_id: str) -> None:
        """The call brings video: that no frame arrives is worth a word."""
        call = self._calls[peer_id]
        call.frames = call.frames or 0

    async def report_all(self) -> None:
        """Report every call, or that there is none: the server may have been restarted."""
        if not self._calls:
            await self._signaling.report({"state": "new"})
        for peer_id, call in list(self._calls.items()):
            await self._report(peer_id, call.pc)

    async def _report(self, peer_id: str, pc: RTCPeerConnection) -> None:
        call = self._calls.get(peer_id)
        if call is not None and call.pc is pc:  # otherwise a newer call has replaced it
            await self._signaling.report({"to": peer_id, **await call.report()})


def candidate_pair(pc: RTCPeerConnection) -> dict[str, dict[str, str]]:
    """The selected pair. aiortc has no public name for it: {} if its inside has changed."""
    try:
        ice = pc.getTransceivers()[0].sender.transport.transport
        pair = ice._connection._nominated[1]  # noqa: SLF001
        ends = {"local": pair.local_candidate, "remote": pair.remote_candidate}
    except (AttributeError, IndexError, KeyError):
        return {}
    return {
        end: {"type": candidate.type, "protocol": candidate.transport, "address": candidate.host}
        for end, candidate in ends.items()
    }
