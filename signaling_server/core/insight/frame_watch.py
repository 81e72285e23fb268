"""Whether a picture arrives, by what its receiver reports.

W3C webrtc-stats: framesPerSecond of an inbound-rtp. A receiver that stops to report is unknown, not
without a picture.
"""

from __future__ import annotations

from typing import Mapping

FRESH_SECONDS = 8.0
"""Receivers report every two seconds."""
TRICKLE_KBPS = 5.0
"""Below this no video arrives."""
FROZEN_SECONDS = 4.0
"""A picture without a new frame for so long stands still."""
NO_STATS: Mapping[str, float] = {}


class FrameWatch:
    """What one peer has measured of the video of a call."""

    __slots__ = ("first_frame", "last_frame", "stats", "stats_at")

    def __init__(self) -> None:
        self.stats = NO_STATS
        """Its newest: of rtc_report.STATS."""
        self.stats_at: float | None = None
        self.first_frame: float | None = None
        """When it first said that frames arrive."""
        self.last_frame: float | None = None

    def measured(self, stats: Mapping[str, float], now: float) -> bool:
        """Record what it measured; returns whether these are its first frames."""
        if not stats:
            return False
        self.stats, self.stats_at = stats, now
        if not stats.get("frames_per_second"):
            return False
        self.last_frame = now
        if self.first_frame is not None:
            return False
        self.first_frame = now
        return True

    def begin(self) -> None:
        """A new call begins: the frames of the older one do not count."""
        self.first_frame = self.last_frame = self.stats_at = None
        self.stats = NO_STATS

    def fresh(self, now: float) -> bool:
        """Whether its newest stats say how it is now, and whether frames arrive."""
        known = self.stats_at is not None and "frames_per_second" in self.stats
        return known and now - (self.stats_at or 0.0) <= FRESH_SECONDS

    def frozen_for(self, now: float) -> float | None:
        """Seconds since the last frame if they are at least FROZEN_SECONDS.

        None: frames arrive, none has come yet, or the receiver no longer reports.
        """
        if self.stats_at is None or self.last_frame is None or not self.fresh(now):
            return None
        seconds = self.stats_at - self.last_frame
        return seconds if seconds >= FROZEN_SECONDS else None

    def flows(self, now: float) -> bool:
        """Whether frames arrive now, as far as is known."""
        return self.fresh(now) and bool(self.stats["frames_per_second"])
