"""The server as a process: its event loop, signals, garbage collection, and exit code."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import importlib
import os
import signal
from typing import Callable

from signaling_server.app import App
from signaling_server.core.config.load import Loaded
from signaling_server.errors import StartError
from signaling_server.logs.pipe import LogPipe


def run(loaded: Loaded, load: Callable[[], Loaded], logs: LogPipe) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises StartError.

    At SIGHUP, `load` reads the configuration anew.
    """
    faulthandler.enable()  # at the watchdog's SIGABRT, the journal gets the line that hangs
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
    """End the tasks still running in this loop: a library may leave some."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(loaded: Loaded, load: Callable[[], Loaded], logs: LogPipe) -> int:
    stopping = asyncio.Event()
    app = App(loaded, logs)
    # Before the port is open: a signal without a handler would end the process.
    _on_signals(stopping.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload_soon, load)
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
    """Collect cyclic garbage seldom: there is little of it, and each search visits all clients."""
    gc.freeze()  # objects made during the start live as long as the process
    # Small steps: to search what 50,000 new objects left, as a crowd makes them, takes 50 ms.
    gc.set_threshold(2000, 5, 50)
    gc.enable()  # the command line disables it for the start


def _on_signals(stop: Callable[[], None]) -> None:
    """The first SIGTERM or SIGINT calls `stop`; a second one exits at once."""
    loop = asyncio.get_running_loop()

    def exit_at_once() -> None:
        os._exit(1)

    def stop_in_order() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, exit_at_once)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_in_order)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where it is installed: it halves the cost of a relayed signal."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
