"""A room's timeline as JSON for /api/status, and as lines of text for the shell.

Field by field: docs/http-api.md. Times are told twice: as seconds before now, which are always
right, and as time of day, which is null while the server's clock is not set.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from signaling_server.core.insight.spans import Span
from signaling_server.core.insight.timeline import SECONDS, Entry, History, Timeline
from signaling_server.core.protocol.scope import ALL, Scope
from signaling_server.core.words import ago

SERVER = "server"
"""The kind of the entries that are about the server itself."""
UNSET = "before the clock was set"


class Clock(NamedTuple):
    """What time it is: `now` on the clock of the facts, `wall` in seconds since 1970.

    `wall` is None while the system's clock is not set. `starts` are the times since 1970 at which
    the server started, the oldest first.
    """

    now: float
    wall: float | None
    starts: Sequence[float] = ()


def add(body: dict[str, Any], timeline: Timeline, clock: Clock, scope: Scope = ALL) -> None:
    """Add their timelines to the rooms in the body of /api/status, and the rooms of before."""
    for room in body["rooms"]:
        room["timeline"] = report(timeline.room(room["room"], clock.now), clock)
    body["former_rooms"] = [
        {"room": name, "timeline": report(history, clock)}
        for name, history in timeline.former(clock.now).items()
        if scope.covers(name)
    ]
    body["server"]["time"] = None if clock.wall is None else round(clock.wall, 1)


def report(history: History, clock: Clock) -> dict[str, Any]:
    """{seconds, events, bars, omitted}; events and bars with the oldest first."""
    events = [*_starts(clock), *(_event(entry, clock) for entry in history.entries)]
    events.sort(key=lambda event: -event["seconds_ago"])
    return {
        "seconds": SECONDS,
        "events": events,
        "bars": [_bar(span, clock) for span in history.spans.all],
        "omitted": history.omitted,
    }


def lines(timeline: Mapping[str, Any], most: int, zone: tzinfo | None = None) -> list[str]:
    """The last `most` events of a room's "timeline" in /api/status, for people, the newest last.

    Such as "14:03:12  gcom left (goodbye)". Times of day are those of `zone`; None: of this
    machine.
    """
    return [_line(event, zone) for event in timeline["events"][-most:]] if most > 0 else []


def _event(entry: Entry, clock: Clock) -> dict[str, Any]:
    ago = round(clock.now - entry.at, 1)
    return {
        "seconds_ago": ago,
        "time": None if clock.wall is None else round(clock.wall - ago, 1),
        "clock_set": entry.clock_set,
        "kind": entry.kind,
        "peer_id": entry.peer_id,
        "text": entry.text,
        "times": entry.times,
    }


def _starts(clock: Clock) -> Iterator[dict[str, Any]]:
    if clock.wall is None:
        return
    for at in clock.starts:
        seconds = round(clock.wall - at, 1)
        if 0 <= seconds <= SECONDS:
            yield {
                "seconds_ago": seconds,
                "time": round(at, 1),
                "clock_set": True,
                "kind": SERVER,
                "peer_id": None,
                "text": "the server started",
                "times": 1,
            }


def _bar(span: Span, clock: Clock) -> dict[str, Any]:
    until = None if span.until is None else round(clock.now - span.until, 1)
    return {
        "peers": list(span.peers),
        "state": span.state,
        "since": round(clock.now - span.since, 1),
        "until": until,
    }


def _line(event: Mapping[str, Any], zone: tzinfo | None) -> str:
    if event["time"] is None:
        when = f"{ago(event['seconds_ago'])} ago"
    else:
        when = datetime.fromtimestamp(event["time"], zone).strftime("%H:%M:%S")
    notes = [f"{event['times']} times"] * (event["times"] > 1) + [UNSET] * (not event["clock_set"])
    return f"{when}  {event['text']}" + (f" ({', '.join(notes)})" if notes else "")
