"""/api/status as text: for `hawkeye-signaling status`, and for the page where JavaScript is off.

What another version of the server does not tell is left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Iterator, Literal, Mapping, NamedTuple

from signaling_server.core.words import ago, plural

Style = Literal["", "title", "alarm", "warning", "good", "dim"]

EVENTS = 5
"""The last events of each room."""
ALL_EVENTS = 10
"""The last events, from a server that keeps none for each room."""
_STATES: dict[str, Style] = {"connected": "good", "stalled": "alarm", "unknown": "dim"}
_SEVERITIES: dict[str, Style] = {"alarm": "alarm", "warning": "warning", "note": "dim"}
_ICE_STATES: dict[str, Style] = {"answers": "good", "silent": "warning"}
_HOW = {"lost": "was lost", "goodbye": "left", "replaced": "was replaced", "revoked": "was revoked"}

Json = Mapping[str, Any]


class Line(NamedTuple):
    """A line, and what it is."""

    text: str
    style: Style = ""

    @property
    def printable(self) -> str:
        """The text; what a peer may have put into it does not control a terminal."""
        return "".join(sign if sign.isprintable() else "?" for sign in self.text)


def lines(report: Json) -> Iterator[Line]:
    """The whole status, the worst first. Raises KeyError or TypeError if it is none."""
    server, rooms = report["server"], report["rooms"]
    peers = sum(len(room["peers"]) for room in rooms)
    signals = report["counters"]["signals"]
    yield Line(
        f"hawkeye-signaling {server['version']}, up {span(server['uptime_seconds'])}", "title"
    )
    counts = plural(peers, "peer"), plural(len(rooms), "room"), plural(signals, "signal")
    yield Line(", ".join(counts))
    headline = report.get("headline")
    if headline:
        yield from _finding(headline, "")
    for warning in server["warnings"]:
        yield Line(f"warning: {warning}", "warning")
    for finding in report.get("diagnosis", ()):
        if not headline or finding["text"] != headline["text"]:
            yield from _finding(finding, "")
    for refusal in report.get("refusals", ()):
        yield _refusal(refusal)
    yield from _fleet(report.get("fleet"))
    for room in rooms:
        yield Line("")
        yield from _room(room)
    yield from _ice_servers(report.get("ice_servers", ()))
    if not any("timeline" in room for room in rooms):
        yield from _events(report.get("events", ()))


def _fleet(fleet: Any) -> Iterator[Line]:
    if not fleet:
        return
    hosts, state = fleet["hosts"], fleet["state"]
    yield Line("")
    yield Line(f"fleet: {state}, {plural(len(hosts), 'host')}", "title")
    for host in hosts:
        counts = f"{plural(host['rooms'], 'room')}, {plural(host['peers'], 'peer')}"
        trip = host.get("round_trip_ms")
        told = [host["state"], counts, "" if trip is None else f"{trip:g} ms", host.get("url")]
        style: Style = "" if host["state"] in ("here", "linked") else "warning"
        yield Line(f"  {host['name']:24} {', '.join(filter(None, told))}", style)
    for room in fleet.get("elsewhere", ()):
        where = f"{room['host']} ({room['url']})" if room.get("url") else room["host"]
        yield Line(f"  room {room['room']} is at {where}; from here: {', '.join(room['peers'])}")


def _room(room: Json) -> Iterator[Line]:
    yield Line(f"room {room['room']}", "title")
    for peer in room["peers"]:
        yield _peer(peer)
    for pair in room["pairs"]:
        yield from _pair(pair)
    for finding in room["diagnosis"]:
        yield from _finding(finding, "  ")
    for gone in room.get("last_seen", ()):
        yield _last_seen(gone)
    events = room.get("timeline", {}).get("events", ())[-EVENTS:]
    if events:
        yield Line("  last events:", "dim")
        for event in events:
            yield Line(f"    {_event(event)}", "dim")


def _peer(peer: Json) -> Line:
    role = peer.get("role")
    who = f"{peer['peer_id']} ({role})" if role else peer["peer_id"]
    more = ["away"] if peer["state"] != "present" else []
    if peer.get("host"):
        more.append(f"connected to {peer['host']}")
    rule = peer.get("named_by")
    if rule not in (None, ""):
        more.append(f"named by rule {rule}" if isinstance(rule, int) else f"named by {rule}")
    if peer.get("refused"):
        more.append(f"{plural(peer['refused'], 'signal')} refused")
    where = f"{peer['address']:24} {peer['transport']:10}"
    told = ", ".join([span(peer["connected_seconds"]), *more])
    return Line(f"  {who:32} {where} {told}", "warning" if more[:1] == ["away"] else "")


def _pair(pair: Json) -> Iterator[Line]:
    path = f", {pair['path']}" if pair.get("path") else ""
    state = pair["state"]
    yield Line(f"  {' - '.join(pair['peers'])}: {state}{path}", _STATES.get(state, ""))
    for peer_id, stats in (pair.get("stats") or {}).items():
        told = _stats(stats)
        if told:
            yield Line(f"    {peer_id}: {told}", "dim")
    for finding in pair["diagnosis"]:
        yield from _finding(finding, "    ")


def _stats(stats: Json) -> str:
    units = {
        "round_trip_ms": "ms round trip",
        "bitrate_kbps": "kbit/s",
        "frames_per_second": "frames/s",
        "packets_lost": "packets lost",
    }
    return ", ".join(f"{stats[name]:g} {unit}" for name, unit in units.items() if name in stats)


def _finding(finding: Json, indent: str) -> Iterator[Line]:
    yield Line(
        f"{indent}{finding['text']}", _SEVERITIES.get(finding.get("severity", ""), "warning")
    )
    if finding.get("advice"):
        yield Line(f"{indent}  what to do: {finding['advice']}")


def _refusal(refusal: Json) -> Line:
    """A caller that never became a peer: why, and what to do."""
    times = f"{refusal['times']} times, last " if refusal["times"] > 1 else ""
    when = f"{times}{span(refusal['seconds_ago'])} ago"
    return Line(f"refused {refusal['address']} ({when}): {refusal['text']}", "warning")


def _last_seen(gone: Json) -> Line:
    how = _HOW.get(gone["how"], "left")
    call = gone.get("in_call_seconds")
    after = "" if call is None else f", after {span(call)} in a call"
    last = f"{span(gone['seconds_ago'])} ago{after}, last at {gone['address']}"
    return Line(f"  {gone['peer_id']} {how} {last}", "dim")


def _event(event: Json) -> str:
    times = f" ({event['times']} times)" if event.get("times", 1) > 1 else ""
    unset = "" if event.get("clock_set", True) else ", before the clock was set"
    when = f"{ago(event['seconds_ago'])} ago"
    if event.get("time") is not None:
        when = f"{datetime.fromtimestamp(event['time']):%H:%M:%S}"
    return f"{when}{unset}  {event['text']}{times}"


def _ice_servers(servers: Any) -> Iterator[Line]:
    if servers:
        yield Line("")
        yield Line("ICE servers", "title")
    for server in servers:
        rtt = f", {server['rtt_ms']:g} ms" if "rtt_ms" in server else ""
        yield Line(
            f"  {server['url']:38} {server['text']}{rtt}", _ICE_STATES.get(server["state"], "")
        )


def _events(events: Any) -> Iterator[Line]:
    """`events` have the newest first; here the newest is last, as in a log."""
    if events:
        yield Line("")
        yield Line("last events", "title")
    for event in reversed(events[:ALL_EVENTS]):
        yield Line(f"  {_event(event)}  [{event['room']}]", "dim")


def span(seconds: float) -> str:
    """A time in its two largest units: 12 s, 3 min, 5 h 20 min, 2 d 3 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if not minutes:
        return f"{int(seconds)} s"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if not days else f"{days} d {hours % 24} h"
