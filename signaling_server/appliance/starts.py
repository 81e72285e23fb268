"""When the server started in the last hour, also the runs before this one: for the timeline.

One line of JSON in $STATE_DIRECTORY, seconds since 1970: only starts at which the clock was set, or
was set later, are known. It is for people: if it cannot be read or written, the timeline shows the
start of this run alone.
"""

from __future__ import annotations

import contextlib
import json
import os

from signaling_server.core.insight.timeline import SECONDS

NAME = "starts.json"
MOST = 20
"""A server that restarts all the time fills no timeline."""
MOST_BYTES = 4096
SAME_SECONDS = 1.0
"""Two starts so close together are one, seen by a clock that was adjusted."""


def file() -> str:
    """Its path; "" if nothing is remembered."""
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return os.path.join(folder, NAME) if folder else ""


def read(now: float) -> list[float]:
    """The starts of the last hour, the oldest first. `now` is in seconds since 1970."""
    path = file()
    if not path:
        return []
    try:
        with open(path, encoding="utf-8") as stream:
            starts = json.loads(stream.read(MOST_BYTES))
    except (OSError, ValueError):
        return []
    if not isinstance(starts, list):
        return []
    return sorted(at for at in starts if type(at) is float and now - SECONDS <= at <= now)[-MOST:]


def remember(start: float, now: float) -> None:
    """Add a start; the caller must know that the clock is set."""
    path = file()
    if not path:
        return
    earlier = [at for at in read(now) if abs(at - start) > SAME_SECONDS]
    written = f"{path}.new"
    with contextlib.suppress(OSError):
        with open(written, "w", encoding="utf-8") as stream:
            stream.write(json.dumps([*earlier, start][-MOST:]) + "\n")
        os.replace(written, path)
