"""`hawkeye-signaling status`: prints the state of a running server."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Callable

from signaling_server.cli.fetch import fetch
from signaling_server.cli.paint import CLEAR, paint, wants_colours
from signaling_server.cli.remote import RemoteServer
from signaling_server.cli.troubles import troubles
from signaling_server.core.reporting.status_text import Line, lines
from signaling_server.errors import NoAnswerError

WATCH_SECONDS = 2.0
"""The interval between two looks of `--watch`."""


def status(server: RemoteServer, as_json: bool) -> int:
    """Print the status; returns 0. Raises NoAnswerError."""
    report = fetch(server)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print(text(server, report, wants_colours(sys.stdout, os.environ)))
    return 0


def check(server: RemoteServer, as_json: bool) -> int:
    """Print what is stalled or refused now; returns 1 if anything is. Raises NoAnswerError."""
    report = fetch(server)
    try:
        found = troubles(report)
    except (AttributeError, KeyError, TypeError):
        raise _stranger(server) from None
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        colours = wants_colours(sys.stdout, os.environ)
        for each in found:
            print(paint(Line(each, "alarm"), colours))
        if not found:
            print(paint(Line("fine: nothing is stalled or refused", "good"), colours))
    return 1 if found else 0


def watch(server: RemoteServer, sleep: Callable[[float], None] = time.sleep) -> int:
    """Print the status again and again, until Ctrl-C; a server that is gone is waited for."""
    colours = wants_colours(sys.stdout, os.environ)
    try:
        while True:
            try:
                shown = text(server, fetch(server), colours)
            except NoAnswerError as error:
                shown = paint(Line(str(error), "alarm"), colours)
            print(f"{CLEAR if sys.stdout.isatty() else ''}{shown}", flush=True)
            sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        return 0


def text(server: RemoteServer, report: Any, colours: bool) -> str:
    """The status for a person. Raises NoAnswerError if it is none."""
    try:
        return "\n".join(paint(line, colours) for line in lines(report))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _stranger(server) from None


def _stranger(server: RemoteServer) -> NoAnswerError:
    reason = "is not hawkeye-signaling, or another version of it"
    return NoAnswerError(f"the server at {server.url} {reason}")
