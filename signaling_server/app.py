"""The server: builds its parts, starts and stops them, and reloads their configuration."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Callable

from signaling_server.appliance import address_file, remembered
from signaling_server.appliance.config_reading import outcome
from signaling_server.appliance.descriptors import (
    allow_open_files,
    most_callers,
    room_for_strangers,
)
from signaling_server.appliance.door import Door
from signaling_server.appliance.ice_check import IceCheck
from signaling_server.appliance.listener import open_listener
from signaling_server.appliance.pairing import Pairing
from signaling_server.appliance.reachable import Reachable
from signaling_server.appliance.self_check import SelfCheck
from signaling_server.appliance.systemd import Notifier, watchdog_seconds
from signaling_server.appliance.tls import Certificate
from signaling_server.appliance.watchdog import Watch
from signaling_server.background import Background
from signaling_server.core.config.doors import closed, refuse_accidents, refuse_nobody
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import (
    Loaded,
    applied_by_reload,
    changes_needing_restart,
)
from signaling_server.core.protocol.events import Refused
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.reporting.readiness import Phase
from signaling_server.entrance import Entrance
from signaling_server.errors import ConfigError
from signaling_server.fleet.build import build, jump
from signaling_server.fleet.seen import Seen
from signaling_server.instruments import Instruments
from signaling_server.logs.journal import writer_for
from signaling_server.logs.pipe import LogPipe
from signaling_server.routes import routes
from signaling_server.self_report import SelfReport
from signaling_server.transport.server import Transport
from signaling_server.version import VERSION
from signaling_server.web import bad_requests
from signaling_server.web.callers import Callers
from signaling_server.web.site import Site

log = logging.getLogger(__name__)

HTTP_CLOSE_SECONDS = 0.5
"""How long, at a stop, a plain HTTP request that is being answered may take."""
STATUS_SECONDS = 2
"""The interval between two updates of the line in `systemctl status`."""
CLOCK_SECONDS = 60
"""The interval between two looks whether the system's clock is set, until it is."""
A_DAY = 86400


class App:
    """One running server. You must await `start` first, and `stop` at the end."""

    def __init__(self, loaded: Loaded, logs: LogPipe) -> None:
        config = loaded.config
        self.settings = Settings(loaded)
        self._closed = closed(loaded)
        self._logs = logs
        self._certificate = Certificate(config.tls) if config.tls.certificate else None
        # Subscribed before the transport: a certificate that cannot be loaded stops a reload
        # before it has reached any client.
        self.settings.subscribe(self._use_settings)
        in_a_fleet = config.fleet.url is not None
        self.relay = Relay(config, jump) if in_a_fleet else Relay(config)
        self._instruments = Instruments()
        self._most_strangers = config.limits.strangers
        """As many as there are descriptors for."""
        self._entrance = Entrance(lambda: self._most_strangers)
        rooms = self.relay.rooms
        self._ice_check = IceCheck(
            self.settings, lambda room, peer_id: room in rooms and peer_id in rooms[room].peers
        )
        self.transport = Transport(
            self.settings,
            self.relay,
            self._instruments.record,
            self._reported,
            self._entrance,
            self._ice_check.withheld,
        )
        seen = Seen()
        self.report = SelfReport(
            self.settings,
            self.relay,
            self._instruments,
            self._certificate,
            lambda: self.transport.queue_high_water,
            lambda: self.transport.token_watch.warnings,
            self._ice_check.rows,
            lambda: self.transport.sockets,
            seen,
        )
        parts = self.settings, self.transport, self.relay, self._instruments.lone
        self._fleet = seen.fleet = build(loaded, *parts) if in_a_fleet else None
        self._instruments.insight.other_hosts = seen.lone
        self._reachable = Reachable(self.settings, "https" if self._certificate else "http")
        self.notifier = Notifier()
        self._background = Background()
        self._reading = asyncio.Lock()
        self._door = Door(
            lambda: self._site.protocol(),
            self._background.start,
            entrance=self._entrance,
            room=self._room,
            vouches=self.transport.vouches,
            deadline=lambda: self.settings.current.limits.connect_deadline,
            tls=self._certificate.context if self._certificate else None,
            refuse=self._refuse,
        )
        callers = Callers(self.settings, self._certificate_names, self._instruments.record)
        site_routes = routes(
            self.settings,
            self.transport,
            self.report,
            self._reachable,
            self._instruments.record,
            Pairing(self.settings, self._reading),
            self.relay,
        )
        self._site = Site(site_routes, self._door.recognise, callers, on_other=self._refuse)
        bad_requests.keep_out_of_log()

    def _certificate_names(self) -> tuple[str, ...]:
        return self._certificate.names if self._certificate else ()

    def _reported(self, room: str, peer_id: str, report: ConnectionReport) -> None:
        self._instruments.report(room, peer_id, report)
        self._ice_check.report(room, peer_id, report)

    def _refuse(self, code: str, address: str) -> None:
        """Record a caller that is refused for a code of refusals.REASONS."""
        self._instruments.record(Refused(address, code))

    def _room(self) -> int:
        """How many callers may be on their way in, strangers aside."""
        most = most_callers(self.settings.current.limits.connections)
        return most - self._site.connections

    async def start(self) -> str:
        """Open the port; returns the URL. Raises StartError."""
        self.report.memory_error = remembered.write(self._closed)
        listen = self.settings.current.listen
        listener = open_listener(listen.host, listen.port, listen.backlog, self.notifier)
        await self._site.start()
        if self._fleet is not None:
            await self._fleet.start()
        check = SelfCheck(
            listener,
            self.report.instance,
            lambda: self._door.accepted,
            tls=self._certificate is not None,
        )
        self._allow_open_files()
        self._door.open(listener, expects=check.is_caller)
        path, tls = self.settings.current.socketio.path, self._certificate is not None
        self.report.address_error = address_file.write(
            address_file.whereabouts(listener, path, tls=tls)
        )
        host, port = listener.getsockname()[:2]
        scheme = "https" if tls else "http"
        url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        log.info("hawkeye-signaling %s listens on %s", VERSION, url)
        self._reachable.port = port
        self._background.start(self._reachable.keep_telling())
        self._background.start(self._warn_daily())
        self._background.start(self._remember_start())
        self._background.start(self.transport.keep_sweeping())
        self._background.start(self._ice_check.keep_asking())
        self._background.start(self.transport.token_watch.keep_looking())
        if self.notifier.active:
            self._background.start(self._keep_notifying(check))
        self.report.phase = Phase.SERVING
        return url

    async def _keep_notifying(self, check: SelfCheck) -> None:
        """Tell systemd when the server is well, and from then on its state."""
        watch = Watch(self.notifier, check)
        self.report.self_check = lambda: watch.warning
        await watch.get_ready()
        watched = watchdog_seconds()
        if watched:
            self._background.start(watch.keep(watched))
        while True:
            self.notifier.status(self.report.systemd_line())
            await asyncio.sleep(STATUS_SECONDS)

    async def _warn_daily(self) -> None:
        while True:
            for warning in self.report.warnings():
                log.warning("%s", warning)
            await asyncio.sleep(A_DAY)

    async def _remember_start(self) -> None:
        while True:
            if self.report.remember_start():
                return
            await asyncio.sleep(CLOCK_SECONDS)

    def reload_soon(self, load: Callable[[], Loaded]) -> None:
        """Reload, but read the files in a thread: 8,000 tokens take two seconds."""
        self._background.start(self._read_and_reload(load))

    async def _read_and_reload(self, load: Callable[[], Loaded]) -> None:
        async with self._reading:  # one after the other: the last that was asked for counts
            loop = asyncio.get_running_loop()
            self.reload(await loop.run_in_executor(None, outcome, load))

    def reload(self, load: Callable[[], Loaded]) -> None:
        """Use the configuration that `load` reads; if that fails, the old one stays in use.

        It sends READY=1 in any case: without that, the unit would stay in `reloading` for good.
        """
        self.notifier.reloading()
        try:
            self._try_to_reload(load)
            self.notifier.status(self.report.systemd_line())
        finally:
            self.notifier.ready()

    def _try_to_reload(self, load: Callable[[], Loaded]) -> None:
        try:
            self._replace_settings(load())
            self.report.reload_error = ""
            log.info("configuration reloaded")
            for remark in self.settings.remarks:
                log.warning("%s", remark)
        except ConfigError as error:
            self._reload_failed(str(error.complaints[0]))
            for complaint in error.complaints:
                log.error("configuration not reloaded: %s", complaint)
        except Exception as error:
            self._reload_failed(f"internal error ({type(error).__name__}), see the log")
            log.exception("configuration not reloaded: internal error")

    def _reload_failed(self, reason: str) -> None:
        self.report.reload_error = f"configuration not reloaded: {reason}"

    def _replace_settings(self, loaded: Loaded) -> None:
        old = self.settings.current
        refuse_accidents(self._closed, loaded)
        refuse_nobody(loaded)
        for key in changes_needing_restart(old, loaded.config):
            log.warning("%s has changed: this needs a restart", key)
        applied = applied_by_reload(old, loaded.config)
        tokens = loaded.tokens if loaded.config.auth.tokens_file else self.settings.tokens
        loaded = loaded._replace(config=applied, tokens=tokens)
        self.settings.replace(loaded)
        self._remember(loaded)

    def _remember(self, loaded: Loaded) -> None:
        """Remember for the next start which doors are closed now."""
        self._closed = closed(loaded)
        self.report.memory_error = remembered.write(self._closed)

    def _use_settings(self) -> None:
        """Act on a reload, in those parts that do not read the settings by themselves."""
        settings = self.settings.current
        if self._certificate:
            self._certificate.reload(settings.tls)
        self._logs.set_level(settings.logging.level)
        self._logs.redirect(writer_for(sys.stderr.fileno(), settings.logging.format))
        self._allow_open_files()

    def _allow_open_files(self) -> None:
        limits = self.settings.current.limits
        allow_open_files(limits.connections, limits.strangers)
        self._most_strangers = room_for_strangers(limits.connections, limits.strangers)

    async def stop(self) -> None:
        """Close everything within `shutdown.drain` + 1 seconds, so that clients come back."""
        self.report.phase = Phase.DRAINING
        self.notifier.stopping()
        log.info("stopping, with %d peers connected", len(self.relay.peers))
        address_file.remove()
        if self._fleet is not None:
            await self._fleet.stop()
        await self._door.close()
        await self.transport.close(self.settings.current.shutdown.drain)
        await self._site.stop(HTTP_CLOSE_SECONDS)
        await self._background.cancel()
        await self._ice_check.cancel()
        self._instruments.cancel()
        self.notifier.close()
