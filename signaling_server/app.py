"""The server process: puts the parts together, and takes them down again."""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import logging
import os
import secrets
import signal
import time
from dataclasses import replace
from typing import Any, Callable

from aiohttp import web

from signaling_server.background import Background
from signaling_server.core.config import Config, Loaded, changes_needing_restart
from signaling_server.core.events import Fact
from signaling_server.core.metrics import Metrics
from signaling_server.core.relay import Relay
from signaling_server.core.status import status_line
from signaling_server.errors import ConfigError, StartError
from signaling_server.listener import Door, open_listener
from signaling_server.logs import LogPipe
from signaling_server.narrator import Narrator
from signaling_server.systemd import Notifier, watchdog_seconds
from signaling_server.transport.server import Transport
from signaling_server.version import VERSION
from signaling_server.watchdog import SelfCheck, keep_watch
from signaling_server.web import health

log = logging.getLogger(__name__)

HTTP_CLOSE_SECONDS = 0.5
"""What a plain HTTP request that is being answered at shutdown has to come to its end."""
READY_SECONDS = 0.2
STATUS_SECONDS = 2
"""How old the line in `systemctl status` may be."""


class App:
    """One running server. You must await `stop()` after `start()`."""

    def __init__(self, settings: Config, logs: LogPipe) -> None:
        self.config = settings
        self._logs = logs
        self.instance = secrets.token_hex(8)
        """Tells this process from any other that might answer on its port."""
        self.metrics = Metrics()
        self.relay = Relay(settings)
        self.transport = Transport(settings, self.relay, self._observe)
        self.notifier = Notifier()
        self._narrator = Narrator()
        self._sums_timer: asyncio.TimerHandle | None = None
        self._started_at = time.monotonic()
        self._background = Background()
        self._runner = self._web()
        self._door: Door
        self._trouble = ""
        """Why the last reload did nothing."""

    def _web(self) -> web.AppRunner:
        site = web.Application()
        site.add_routes(health.routes(self.health))
        for method in ("GET", "POST", "OPTIONS"):
            path = self.config.socketio.path.rstrip("/") + "/"
            site.router.add_route(method, path, self.transport.handle_request)
        return web.AppRunner(site, handle_signals=False, access_log=None)

    async def start(self) -> str:
        """Open the port; returns the URL. Raises StartError."""
        listen = self.config.listen
        listener = open_listener(listen.host, listen.port, listen.backlog, self.notifier)
        await self._runner.setup()
        assert self._runner.server is not None
        check = SelfCheck(listener, self.instance)
        self._door = Door(
            listener, self._runner.server, self._background.start, expects=check.is_caller
        )
        self._door.open()
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("hawkeye-signaling %s listens on %s", VERSION, url)
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
        line = status_line(self.relay, self.metrics, time.monotonic())
        self.notifier.status(f"{self._trouble}; {line}" if self._trouble else line)

    def reload(self, load: Callable[[], Loaded]) -> None:
        """Go on with the configuration that is now in the files; if it is bad, with the old one."""
        self.notifier.reloading()
        try:
            new = load().config
        except ConfigError as error:
            self._trouble = f"configuration not reloaded: {error.complaints[0]}"
            for complaint in error.complaints:
                log.error("configuration not reloaded: %s", complaint)
        else:
            self._trouble = ""
            self._reconfigure(new)
        self._tell_status()
        self.notifier.ready()

    def _reconfigure(self, new: Config) -> None:
        for key in changes_needing_restart(self.config, new):
            log.warning("%s has changed: a restart is needed for that", key)
        old = self.config
        self.config = replace(new, listen=old.listen, socketio=old.socketio, tls=old.tls)
        self._logs.set_level(new.logging.level)
        self.transport.reconfigure(self.config)
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
        if self._sums_timer is not None:
            self._sums_timer.cancel()

    def health(self) -> dict[str, Any]:
        """The body of /healthz."""
        return {
            "status": "ok",
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - self._started_at, 1),
            "peers": len(self.relay.peers),
            "rooms": len(self.relay.rooms),
            "instance": self.instance,
        }

    def _observe(self, fact: Fact) -> None:
        now = time.monotonic()
        self.metrics.note(fact, now)
        self._narrator.note(fact, now)
        if self._sums_timer is None:
            self._set_sums_timer(now)

    def _set_sums_timer(self, now: float) -> None:
        deadline = self._narrator.next_deadline()
        self._sums_timer = None
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._sums_timer = loop.call_later(max(0.0, deadline - now), self._tell_sums)

    def _tell_sums(self) -> None:
        now = time.monotonic()
        self._narrator.tell_sums(now)
        self._set_sums_timer(now)


def run(settings: Config, load: Callable[[], Loaded], logs: LogPipe) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises StartError.

    At SIGHUP, `load` gives the configuration anew.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves the line that hung in the journal
    loop = _new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(settings, load, logs))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


async def _serve(settings: Config, load: Callable[[], Loaded], logs: LogPipe) -> int:
    stopping = asyncio.Event()
    app = App(settings, logs)
    try:
        await app.start()
    except StartError as error:
        app.notifier.status(f"not serving: {error}")
        raise
    _on_signals(stopping.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload, load)
    await stopping.wait()
    await app.stop()
    return 0


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
