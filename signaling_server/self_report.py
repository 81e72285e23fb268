"""What the server says about itself: warnings, the line for systemd, and the HTTP API's bodies."""

from __future__ import annotations

import asyncio
import platform
import resource
import secrets
import time
from typing import Any, Callable

from signaling_server.appliance import starts
from signaling_server.appliance.tls import Certificate
from signaling_server.core.config.live import Settings
from signaling_server.core.ice import ice_report
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.scope import ALL, Scope
from signaling_server.core.reporting import fleet_report, status_text, timeline_report
from signaling_server.core.reporting.metrics import Family, Readings, render
from signaling_server.core.reporting.readiness import Phase, unready
from signaling_server.core.reporting.status_report import build
from signaling_server.core.reporting.systemd_line import fleet_line, status_line
from signaling_server.fleet.seen import Seen
from signaling_server.instruments import Instruments
from signaling_server.version import RELEASED, VERSION


class SelfReport:
    """Reads the parts of the server; changes nothing.

    `queue_high_water()` is the largest number of packets that ever waited for one client,
    `token_warnings()` says which tokens expire soon, `ice_servers()` which ICE servers answer,
    `sockets()` how many connections this host has. `seen` is what it sees of its fleet.
    """

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        instruments: Instruments,
        certificate: Certificate | None,
        queue_high_water: Callable[[], int],
        token_warnings: Callable[[], list[str]] = list,
        ice_servers: Callable[[], list[dict[str, Any]]] = list,
        sockets: Callable[[], int] = int,
        seen: Seen | None = None,
    ) -> None:
        self.instance = secrets.token_hex(8)
        """Distinguishes this process from any other that might answer on its port."""
        self.phase = Phase.STARTING
        self.reload_error = ""
        """Why the last reload was not applied; "" if it was."""
        self.memory_error = ""
        """Why the next start will not know which doors are closed now; "" if it will."""
        self.self_check: Callable[[], str] = str
        """Gives what the watchdog has to say; "" if all is well."""
        self.address_error = ""
        """Why `status` does not find this server by itself; "" if it does."""
        self._settings = settings
        self._relay = relay
        self._instruments = instruments
        self._certificate = certificate
        self._queue_high_water = queue_high_water
        self._token_warnings = token_warnings
        self._ice_servers = ice_servers
        self._sockets = sockets
        self._seen = seen or Seen()
        self._started_at = time.monotonic()
        self._earlier_starts: list[float] | None = None
        """None until the clock is set."""

    def warnings(self, scope: Scope = ALL) -> list[str]:
        """What needs an operator's attention though the server works.

        Those about tokens name the clients of all rooms: only who sees these sees them.
        """
        texts = []
        if self._settings.tokens is None:
            texts.append("open to anyone: no auth.tokens_file")
        wall_clock = time.time()
        if wall_clock < RELEASED:
            texts.append("the system clock is not set: expiry dates are not checked")
        if self._certificate:
            texts.append(self._certificate.warning(wall_clock, RELEASED))
        texts += [self.memory_error, self.address_error, self.self_check()]
        state = self._seen.state()
        texts += state.sentences if state else []
        tokens = self._token_warnings() if scope.is_whole else []
        return [*filter(None, texts), *tokens, *self._settings.remarks]

    def systemd_line(self) -> str:
        """The line for `systemctl status`."""
        instruments, now = self._instruments, time.monotonic()
        instruments.catch_up()
        worst = instruments.insight.picture(now).headline
        line = status_line(self._relay, instruments.metrics, worst, now)
        refusing = ice_report.refusals(self._ice_servers())
        hosts = fleet_line(self._seen.state())
        return "; ".join([*self._reload_error(), *refusing, line, *hosts, *self.warnings()])

    def health(self, detailed: bool) -> dict[str, Any]:
        """The body of /healthz; with tokens on, only holders of a status token see the details."""
        summary = {"status": "ok", "instance": self.instance}
        state = self._seen.state()
        if state is not None:
            summary["fleet"] = "together" if state.together else "alone"
        if not detailed:
            return summary
        return {
            **summary,
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - self._started_at, 1),
            "peers": len(self._relay.peers),
            "rooms": len(self._relay.rooms),
        }

    def unready(self) -> str:
        """Why a load balancer should send no client here; "": it may."""
        needs_engine = self._settings.current.fleet.ready_needs_engine
        return unready(self.phase, self._seen.state(), needs_engine)

    def status(self, scope: Scope = ALL) -> dict[str, Any]:
        """The body of /api/status for a reader who may see the rooms of `scope`."""
        self._instruments.catch_up()
        now = time.monotonic()
        body = build(
            self._relay,
            self._instruments.metrics,
            self._instruments.insight,
            VERSION,
            now - self._started_at,
            [*self._reload_error(), *self.warnings(scope)],
            now,
            scope,
            self._seen.hosts(),
        )
        fleet_report.add(body, self._seen.state(), scope)
        timeline_report.add(body, self._instruments.timeline, self._clock(now), scope)
        return ice_report.add(body, self._ice_servers())

    def open_status_lines(self) -> list[str] | None:
        """The status as text, where everyone may see it; None where it takes a token."""
        if self._settings.tokens is not None:
            return None
        return [line.printable for line in status_text.lines(self.status())]

    def remember_start(self) -> bool:
        """Let the next runs know when this one started; False while the clock is not set."""
        wall, uptime = time.time(), time.monotonic() - self._started_at
        if wall < RELEASED:
            return False
        starts.remember(wall - uptime, wall)
        return True

    def _clock(self, now: float) -> timeline_report.Clock:
        wall = time.time()
        if wall < RELEASED:
            return timeline_report.Clock(now, None)
        own_start = wall - (now - self._started_at)
        if self._earlier_starts is None:
            self._earlier_starts = starts.read(own_start - starts.SAME_SECONDS)
        return timeline_report.Clock(now, wall, [*self._earlier_starts, own_start])

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
        insight = instruments.insight
        connections = Family(
            "hawkeye_connections", "gauge", "Connections of this host.", [({}, self._sockets())]
        )
        more = [connections, *self._seen.families()]
        histograms = insight.handshakes, insight.first_frames
        return render(instruments.metrics, *histograms, readings, more)

    def _reload_error(self) -> list[str]:
        return [self.reload_error] if self.reload_error else []


def _resident_bytes() -> int:
    """proc(5), /proc/self/statm: the second number counts resident pages."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
