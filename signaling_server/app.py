"""The server process: puts the parts together, and takes them down again."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import importlib
import logging
import os
import platform
import resource
import secrets
import signal
import sys
import time
from dataclasses import replace
from typing import Any, Callable

from aiohttp import web

from signaling_server.appliance.listener import Door, open_listener
from signaling_server.appliance.systemd import Notifier, watchdog_seconds
from signaling_server.appliance.tls import Certificate
from signaling_server.appliance.watchdog import SelfCheck, keep_watch
from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.config.schema import Loaded, changes_needing_restart
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Readings, render
from signaling_server.core.reporting.status_report import overview
from signaling_server.core.reporting.systemd_line import status_line
from signaling_server.errors import ConfigError, StartError
from signaling_server.instruments import Instruments
from signaling_server.logs.pipe import LogPipe, writer_for
from signaling_server.transport.server import Transport
from signaling_server.version import RELEASED, VERSION
from signaling_server.web import api, bad_requests, health, pages
from signaling_server.web.access import may_see_status

log = logging.getLogger(__name__)

HTTP_CLOSE_SECONDS = 0.5
"""What a plain HTTP request that is being answered at shutdown has to come to its end."""
KEEP_ALIVE_SECONDS = 15.0
"""How long a caller may keep a connection without a request: aiohttp lets it keep it an hour."""
READY_SECONDS = 0.2
A_DAY = 86400
SPARE_CALLERS = 64
"""TCP connections beside those of Socket.IO clients: pages, health checks, who is being refused."""
SPARE_FILES = 64
"""Open files beside those connections."""
STATUS_SECONDS = 2
"""How old the line in `systemctl status` may be."""


class App:
    """One running server. You must await `stop()` after `start()`."""

    def __init__(self, loaded: Loaded, logs: LogPipe) -> None:
        settings = loaded.config
        self.config = settings
        self._tokens = loaded.tokens
        self._certificate = Certificate(settings.tls) if settings.tls.certificate else None
        self._logs = logs
        self.instance = secrets.token_hex(8)
        """Tells this process from any other that might answer on its port."""
        self.relay = Relay(settings)
        self._observers = Instruments()
        self.settings = Settings(loaded)
        self.transport = Transport(
            self.settings, self.relay, self._observers.note, self._observers.report
        )
        self.notifier = Notifier()
        self._started_at = time.monotonic()
        self._background = Background()
        self._runner = self._web()
        self._door: Door
        self._trouble = ""
        """Why the last reload did nothing."""

    def _web(self) -> web.AppRunner:
        site = web.Application(middlewares=[self._recognise])
        site.add_routes(health.routes(self.health))
        path = self.config.socketio.path.rstrip("/") + "/"
        site.add_routes(pages.routes(lambda: self.config.status.enabled, path))
        site.add_routes(
            api.routes(
                self._may_see, lambda: self.config.status.enabled, self.status, self.prometheus
            )
        )
        for method in ("GET", "POST", "OPTIONS"):
            site.router.add_route(method, path, self.transport.handle_request)
        bad_requests.keep_out_of_log()
        return web.AppRunner(
            site, handle_signals=False, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS
        )

    @web.middleware
    async def _recognise(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Whoever has sent a whole request is no stranger at the door."""
        self._door.recognise(request.protocol)
        response: web.StreamResponse = await handler(request)
        return response

    async def start(self) -> str:
        """Open the port; returns the URL. Raises StartError."""
        listen = self.config.listen
        listener = open_listener(listen.host, listen.port, listen.backlog, self.notifier)
        await self._runner.setup()
        assert self._runner.server is not None
        check = SelfCheck(listener, self.instance, tls=self._certificate is not None)
        server = self._runner.server
        self._most_callers = _most_callers(self.config.limits.connections)
        self._door = Door(
            listener,
            server,
            self._background.start,
            expects=check.is_caller,
            is_full=lambda: len(server.connections) + self._door.entering >= self._most_callers,
            deadline=lambda: self.config.limits.connect_deadline,
        )
        if self._certificate:
            self._door.tls = self._certificate.context
        self._door.open()
        host, port = listener.getsockname()[:2]
        scheme = "https" if self._certificate else "http"
        url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        log.info("hawkeye-signaling %s listens on %s", VERSION, url)
        self._background.start(self._warn_daily())
        self._background.start(self.transport.keep_sweeping())
        if self.notifier.active:
            self._background.start(self._report(check))
        return url

    async def _report(self, check: SelfCheck) -> None:
        """Tell systemd that the port answers, and from then on how the server is."""
        while not await check():
            log.warning("the server does not answer on its own port yet")
            await asyncio.sleep(READY_SECONDS)
        self.notifier.ready()
        watched = watchdog_seconds()
        if watched:
            self._background.start(keep_watch(self.notifier, check, watched))
        while True:
            self._tell_status()
            await asyncio.sleep(STATUS_SECONDS)

    def _tell_status(self) -> None:
        line = status_line(self.relay, self._observers.metrics, time.monotonic())
        self.notifier.status("; ".join([*filter(None, [self._trouble]), line, *self.warnings()]))

    def warnings(self) -> list[str]:
        """What is not as it should be, though the server runs."""
        found = []
        if self._tokens is None:
            found.append("open to anyone: no auth.tokens_file")
        wall_clock = time.time()
        if wall_clock < RELEASED:
            found.append("the clock is not set: nothing is judged by its expiry")
        if self._certificate:
            found.append(self._certificate.warning(wall_clock, RELEASED))
        return [text for text in found if text]

    async def _warn_daily(self) -> None:
        while True:
            for warning in self.warnings():
                log.warning("%s", warning)
            await asyncio.sleep(A_DAY)

    def reload(self, load: Callable[[], Loaded]) -> None:
        """Go on with the configuration that is now in the files; if it is bad, with the old one."""
        self.notifier.reloading()
        try:
            new = load()
            if self._certificate and new.config.tls.certificate:
                self._certificate.reload(new.config.tls)
        except ConfigError as error:
            self._trouble = f"configuration not reloaded: {error.complaints[0]}"
            for complaint in error.complaints:
                log.error("configuration not reloaded: %s", complaint)
        else:
            self._trouble = ""
            self._reconfigure(new)
        self._tell_status()
        self.notifier.ready()

    def _reconfigure(self, loaded: Loaded) -> None:
        old, new = self.config, loaded.config
        for key in changes_needing_restart(old, new):
            log.warning("%s has changed: a restart is needed for that", key)
        if (self._certificate is None) != (new.tls.certificate is None):
            log.warning("tls was turned on or off: a restart is needed for that")
        self.config = replace(new, listen=old.listen, socketio=old.socketio)
        self._tokens = loaded.tokens
        self._logs.set_level(new.logging.level)
        if new.logging.format != old.logging.format:
            self._logs.redirect(writer_for(sys.stderr.fileno(), new.logging.format))
        self._most_callers = _most_callers(new.limits.connections)
        self.settings.replace(loaded._replace(config=self.config))
        log.info("configuration reloaded")

    async def stop(self) -> None:
        """Close everything within `shutdown.drain` + 1 seconds, so that clients come back."""
        self.notifier.stopping()
        log.info("stopping, with %d peers connected", len(self.relay.peers))
        await self._door.close()
        await self.transport.close(self.config.shutdown.drain)
        assert self._runner.server is not None
        await self._runner.server.shutdown(HTTP_CLOSE_SECONDS)
        await self._runner.cleanup()
        await self._background.cancel()
        self._observers.cancel()

    def _may_see(self, request: web.Request) -> bool:
        return may_see_status(request, self._tokens, time.time())

    def status(self) -> dict[str, Any]:
        """The body of /api/status."""
        return overview(
            self.relay,
            self._observers.metrics,
            self._observers.insight,
            VERSION,
            time.monotonic() - self._started_at,
            [*filter(None, [self._trouble]), *self.warnings()],
            time.monotonic(),
        )

    async def prometheus(self) -> str:
        """The page of /metrics."""
        asked_at = time.monotonic()
        await asyncio.sleep(0)  # one turn of the loop: what it takes is how late everything is
        readings = Readings(
            peers=len(self.relay.peers),
            rooms=len(self.relay.rooms),
            queue_high_water=self.transport.queue_high_water,
            tasks=len(asyncio.all_tasks()),
            loop_lag=time.monotonic() - asked_at,
            memory=_resident_bytes(),
            cpu=time.process_time(),
            build={"version": VERSION, "python": platform.python_version()},
        )
        return render(self._observers.metrics, self._observers.insight.handshakes, readings)

    def health(self, request: web.Request) -> dict[str, Any]:
        """The body of /healthz; with tokens, only who has the right one hears more than "ok"."""
        well = {"status": "ok", "instance": self.instance}
        if not self._may_see(request):
            return well
        return {
            **well,
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - self._started_at, 1),
            "peers": len(self.relay.peers),
            "rooms": len(self.relay.rooms),
        }


def _resident_bytes() -> int:
    """proc(5), /proc/self/statm: the second number is of resident pages."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def _most_callers(connections: int) -> int:
    """How many TCP connections there may be: a polling client has two. Warns if files run out."""
    most = 2 * connections + SPARE_CALLERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + SPARE_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning(
            "limits.connections is %d, for which %d open files are needed; %d are allowed: "
            "raise LimitNOFILE= or lower the limit",
            connections,
            needed,
            soft,
        )
    return most


def run(loaded: Loaded, load: Callable[[], Loaded], logs: LogPipe) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises StartError.

    At SIGHUP, `load` gives the configuration anew.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves the line that hung in the journal
    loop = _new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(loaded, load, logs))
    finally:
        loop.run_until_complete(end_all_tasks())
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


async def end_all_tasks() -> None:
    """End what still runs in this loop: engine.io leaves the timers of its pings behind."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(loaded: Loaded, load: Callable[[], Loaded], logs: LogPipe) -> int:
    stopping = asyncio.Event()
    app = App(loaded, logs)
    # Before the port is open: a signal for which there is no handler yet would end the process.
    _on_signals(stopping.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload, load)
    try:
        await app.start()
    except StartError as error:
        app.notifier.status(f"not serving: {error}")
        raise
    _collect_rarely()
    await stopping.wait()
    await app.stop()
    return 0


def _collect_rarely() -> None:
    """Cycles are few here, and looking for them among all connections takes long."""
    gc.freeze()  # what is there now stays
    gc.set_threshold(5000, 10, 10)


def _on_signals(stop: Callable[[], None]) -> None:
    """The first SIGTERM or SIGINT stops the server in good order, the second one at once."""
    loop = asyncio.get_running_loop()

    def stop_at_once() -> None:
        os._exit(1)

    def stop_in_order() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop_at_once)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_in_order)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: it halves the cost of a relayed signal."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
