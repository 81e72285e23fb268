"""What the server says about itself: warnings, the line for systemd, and the HTTP API's bodies."""

from __future__ import annotations

import asyncio
import platform
import resource
import secrets
import time
from typing import Any, Callable

from signaling_server.appliance.tls import Certificate
from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Readings, render
from signaling_server.core.reporting.status_report import build
from signaling_server.core.reporting.systemd_line import status_line
from signaling_server.instruments import Instruments
from signaling_server.version import RELEASED, VERSION


class SelfReport:
    """Reads the parts of the server; changes nothing.

    `queue_high_water()` is the largest number of packets that ever waited for one client,
    `token_warnings()` says which tokens expire soon.
    """

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        instruments: Instruments,
        certificate: Certificate | None,
        queue_high_water: Callable[[], int],
        token_warnings: Callable[[], list[str]] = list,
    ) -> None:
        self.instance = secrets.token_hex(8)
        """Distinguishes this process from any other that might answer on its port."""
        self.reload_error = ""
        """Why the last reload was not applied; "" if it was."""
        self.memory_error = ""
        """Why the next start will not know which doors are closed now; "" if it will."""
        self._settings = settings
        self._relay = relay
        self._instruments = instruments
        self._certificate = certificate
        self._queue_high_water = queue_high_water
        self._token_warnings = token_warnings
        self._started_at = time.monotonic()

    def warnings(self) -> list[str]:
        """What needs an operator's attention though the server works."""
        texts = []
        if self._settings.tokens is None:
            texts.append("open to anyone: no auth.tokens_file")
        wall_clock = time.time()
        if wall_clock < RELEASED:
            texts.append("the system clock is not set: expiry dates are not checked")
        if self._certificate:
            texts.append(self._certificate.warning(wall_clock, RELEASED))
        texts.append(self.memory_error)
        return [*filter(None, texts), *self._token_warnings()]

    def systemd_line(self) -> str:
        """The line for `systemctl status`."""
        line = status_line(self._relay, self._instruments.metrics, time.monotonic())
        return "; ".join([*self._reload_error(), line, *self.warnings()])

    def health(self, detailed: bool) -> dict[str, Any]:
        """The body of /healthz; with tokens on, only holders of a status token see the details."""
        summary = {"status": "ok", "instance": self.instance}
        if not detailed:
            return summary
        return {
            **summary,
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - self._started_at, 1),
            "peers": len(self._relay.peers),
            "rooms": len(self._relay.rooms),
        }

    def status(self) -> dict[str, Any]:
        """The body of /api/status."""
        self._instruments.catch_up()
        now = time.monotonic()
        return build(
            self._relay,
            self._instruments.metrics,
            self._instruments.insight,
            VERSION,
            now - self._started_at,
            [*self._reload_error(), *self.warnings()],
            now,
        )

    async def metrics(self) -> str:
        """The page of /metrics."""
        self._instruments.catch_up()
        asked_at = time.monotonic()
        await asyncio.sleep(0)  # how long one turn of the loop takes is how late everything is
        readings = Readings(
            peers=len(self._relay.peers),
            rooms=len(self._relay.rooms),
            queue_high_water=self._queue_high_water(),
            tasks=len(asyncio.all_tasks()),
            loop_lag=time.monotonic() - asked_at,
            memory=_resident_bytes(),
            cpu=time.process_time(),
            build={"version": VERSION, "python": platform.python_version()},
        )
        instruments = self._instruments
        return render(instruments.metrics, instruments.insight.handshakes, readings)

    def _reload_error(self) -> list[str]:
        return [self.reload_error] if self.reload_error else []


def _resident_bytes() -> int:
    """proc(5), /proc/self/statm: the second number counts resident pages."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
