"""The server: builds its parts, starts and stops them, and reloads their configuration."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Callable

from aiohttp import web

from signaling_server.appliance.descriptors import allow_open_files, most_callers
from signaling_server.appliance.door import Door
from signaling_server.appliance.listener import open_listener
from signaling_server.appliance.systemd import Notifier, watchdog_seconds
from signaling_server.appliance.tls import Certificate
from signaling_server.appliance.watchdog import SelfCheck, keep_watch
from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import (
    Loaded,
    applied_by_reload,
    changes_needing_restart,
)
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import ConfigError
from signaling_server.instruments import Instruments
from signaling_server.logs.journal import writer_for
from signaling_server.logs.pipe import LogPipe
from signaling_server.self_report import SelfReport
from signaling_server.transport.server import Transport
from signaling_server.version import VERSION
from signaling_server.web import api, bad_requests, pages
from signaling_server.web.access import may_see_status
from signaling_server.web.site import Site

log = logging.getLogger(__name__)

HTTP_CLOSE_SECONDS = 0.5
"""How long, at a stop, a plain HTTP request that is being answered may take."""
READY_SECONDS = 0.2
"""The interval between two checks whether the port answers, until it does."""
STATUS_SECONDS = 2
"""The interval between two updates of the line in `systemctl status`."""
A_DAY = 86400


class App:
    """One running server. You must await `start` first, and `stop` at the end."""

    def __init__(self, loaded: Loaded, logs: LogPipe) -> None:
        config = loaded.config
        self.settings = Settings(loaded)
        self._logs = logs
        self._certificate = Certificate(config.tls) if config.tls.certificate else None
        # Subscribed before the transport: a certificate that cannot be loaded stops a reload
        # before it has reached any client.
        self.settings.subscribe(self._use_settings)
        self.relay = Relay(config)
        self._instruments = Instruments()
        self.transport = Transport(
            self.settings, self.relay, self._instruments.record, self._instruments.report
        )
        self.report = SelfReport(
            self.settings,
            self.relay,
            self._instruments,
            self._certificate,
            lambda: self.transport.queue_high_water,
        )
        self.notifier = Notifier()
        self._background = Background()
        self._door = Door(
            lambda: self._site.protocol(),
            self._background.start,
            room=self._room,
            deadline=lambda: self.settings.current.limits.connect_deadline,
            tls=self._certificate.context if self._certificate else None,
        )
        self._site = Site(self._routes(), on_request=self._door.recognise)
        bad_requests.keep_out_of_log()

    def _routes(self) -> list[web.RouteDef]:
        def status_enabled() -> bool:
            return self.settings.current.status.enabled

        path = self.settings.current.socketio.path.rstrip("/") + "/"
        return [
            *api.routes(
                may_see_status=self._may_see_status,
                status_enabled=status_enabled,
                health=self.report.health,
                status=self.report.status,
                metrics=self.report.metrics,
            ),
            *pages.routes(status_enabled, path),
            *(
                web.route(method, path, self.transport.handle_request)
                for method in ("GET", "POST", "OPTIONS")
            ),
        ]

    def _may_see_status(self, request: web.Request) -> bool:
        return may_see_status(request, self.settings.tokens, time.time())

    def _room(self) -> int:
        """How many more callers may come in."""
        callers = self._site.connections + self._door.entering
        return most_callers(self.settings.current.limits.connections) - callers

    async def start(self) -> str:
        """Open the port; returns the URL. Raises StartError."""
        listen = self.settings.current.listen
        listener = open_listener(listen.host, listen.port, listen.backlog, self.notifier)
        await self._site.start()
        check = SelfCheck(listener, self.report.instance, tls=self._certificate is not None)
        allow_open_files(self.settings.current.limits.connections)
        self._door.open(listener, expects=check.is_caller)
        host, port = listener.getsockname()[:2]
        scheme = "https" if self._certificate else "http"
        url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        log.info("hawkeye-signaling %s listens on %s", VERSION, url)
        self._background.start(self._warn_daily())
        self._background.start(self.transport.keep_sweeping())
        if self.notifier.active:
            self._background.start(self._keep_notifying(check))
        return url

    async def _keep_notifying(self, check: SelfCheck) -> None:
        """Tell systemd when the port answers, and from then on the state of the server."""
        while not await check():
            log.warning("the server does not answer on its own port yet")
            await asyncio.sleep(READY_SECONDS)
        self.notifier.ready()
        watched = watchdog_seconds()
        if watched:
            self._background.start(keep_watch(self.notifier, check, watched))
        while True:
            self.notifier.status(self.report.systemd_line())
            await asyncio.sleep(STATUS_SECONDS)

    async def _warn_daily(self) -> None:
        while True:
            for warning in self.report.warnings():
                log.warning("%s", warning)
            await asyncio.sleep(A_DAY)

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
        for key in changes_needing_restart(old, loaded.config):
            log.warning("%s has changed: this needs a restart", key)
        self.settings.replace(loaded._replace(config=applied_by_reload(old, loaded.config)))

    def _use_settings(self) -> None:
        """Act on a reload, in those parts that do not read the settings by themselves."""
        settings = self.settings.current
        if self._certificate:
            self._certificate.reload(settings.tls)
        self._logs.set_level(settings.logging.level)
        self._logs.redirect(writer_for(sys.stderr.fileno(), settings.logging.format))
        allow_open_files(settings.limits.connections)

    async def stop(self) -> None:
        """Close everything within `shutdown.drain` + 1 seconds, so that clients come back."""
        self.notifier.stopping()
        log.info("stopping, with %d peers connected", len(self.relay.peers))
        await self._door.close()
        await self.transport.close(self.settings.current.shutdown.drain)
        await self._site.stop(HTTP_CLOSE_SECONDS)
        await self._background.cancel()
        self._instruments.cancel()
        self.notifier.close()
