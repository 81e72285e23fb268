"""`hawkeye-signaling support`: one file for a bug report, without secrets.

It is needed most when something is broken: whatever cannot be found out is said in its place.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from typing import Callable, Iterator, NamedTuple

from signaling_server.cli.fetch import fetch
from signaling_server.cli.remote import RemoteServer
from signaling_server.cli.scrub import Scrubber
from signaling_server.cli.status import text
from signaling_server.cli.system_facts import journal, network, service, versions
from signaling_server.core.config import write
from signaling_server.core.config.load import Loaded
from signaling_server.errors import ConfigError, SignalingError
from signaling_server.version import RELEASED, VERSION

STDOUT = "-"
_OPENING = """\
hawkeye-signaling {version}, support file of {when}
Tokens, passwords, ICE credentials and session descriptions are not in it. It has names of rooms and
peers, addresses and lines of the log: look through it before you send it.
"""

Section = Callable[[], str]


class Sources(NamedTuple):
    """Where the file's contents come from. Each may raise SignalingError."""

    load: Callable[[], Loaded]
    """The configuration, and the secrets that are to be masked."""
    settings: Callable[[], Loaded]
    """The same without the files that it names, which the caller may not be allowed to read."""
    server: Callable[[], RemoteServer]
    unit: str


def support(sources: Sources, output: str | None) -> int:
    """Write the file; returns 0, or 1 if it cannot be written."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    path = output or f"hawkeye-signaling-support-{stamp}.txt"
    contents = _contents(sources, now)
    if path == STDOUT:
        print(contents, end="")
        return 0
    try:
        # Only for its owner: it tells who was connected from where.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(contents)
    except OSError as error:
        print(f"hawkeye-signaling: {path}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{path} is written: look through it, then attach it to your report")
    return 0


def _contents(sources: Sources, now: float) -> str:
    """The whole text, masked line by line."""
    scrubber = Scrubber(_secrets(sources))
    parts = [_OPENING.format(version=VERSION, when=_utc(now))]
    parts += (f"\n== {title} ==\n{_said(find)}\n" for title, find in _sections(sources, now))
    return "".join(f"{scrubber.clean(line)}\n" for line in "".join(parts).splitlines())


def _sections(sources: Sources, now: float) -> Iterator[tuple[str, Section]]:
    yield "versions", versions
    yield "clock", lambda: _clock(now)
    yield "configuration", lambda: _configuration(sources)
    yield "service", lambda: service(sources.unit)
    yield "network", network
    yield "status", lambda: _status(sources)
    yield "probe", lambda: _probe(sources)
    yield "status as JSON", lambda: json.dumps(fetch(sources.server()), indent=1)
    yield "log", lambda: journal(sources.unit)


def _said(find: Section) -> str:
    """What a section says, or why it cannot."""
    try:
        return find().rstrip("\n")
    except SignalingError as error:
        return str(error)
    except Exception as error:  # a bug here must not cost the report
        return f"not found out: {type(error).__name__}: {error}"


def _secrets(sources: Sources) -> list[str]:
    """Those that the configuration and the caller know: wherever they appear, they are masked."""
    found: list[str] = []
    with contextlib.suppress(Exception):
        found.append(sources.server().token)
    for read in (sources.settings, sources.load):
        with contextlib.suppress(Exception):
            loaded = read()
            found += [loaded.turn_secret, loaded.fleet_password, loaded.fleet_secret]
            found += (server.credential or "" for server in loaded.config.ice_servers)
    return found


def _configuration(sources: Sources) -> str:
    try:
        return write.render(sources.load())
    except ConfigError as error:
        complaints = str(error)
    return f"{complaints}\n\nWithout the files that it names:\n{_settings(sources)}"


def _settings(sources: Sources) -> str:
    try:
        return write.render(sources.settings())
    except ConfigError as error:
        return str(error)


def _status(sources: Sources) -> str:
    server = sources.server()
    return text(server, fetch(server), colours=False)


def _probe(sources: Sources) -> str:
    from signaling_server.cli import probe_command  # aiohttp and socketio take long to import

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        probe_command.run([sources.server()], as_json=False)
    return printed.getvalue()


def _clock(now: float) -> str:
    known = "" if now >= RELEASED else "; it is not set: this is before the build date"
    return f"{_utc(now)}, seconds since 1970: {now:.0f}{known}"


def _utc(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
