"""The body of /api/status as lines of text: for `hawkeye-signaling status`, and for the page where
JavaScript is off.
"""

from __future__ import annotations

from typing import Any, Iterator

from signaling_server.core.words import plural


def lines(report: Any) -> list[str]:
    """The state of the server and of each room. Raises KeyError or TypeError for another body.

    Names are up to the peers: what could control a terminal is replaced by "?".
    """
    return ["".join(sign if sign.isprintable() else "?" for sign in line) for line in _all(report)]


def _all(report: Any) -> Iterator[str]:
    server, rooms = report["server"], report["rooms"]
    peers = sum(len(room["peers"]) for room in rooms)
    signals = report["counters"]["signals"]
    yield f"hawkeye-signaling {server['version']}, up {_span(server['uptime_seconds'])}"
    yield ", ".join([plural(peers, "peer"), plural(len(rooms), "room"), plural(signals, "signal")])
    for warning in server["warnings"]:
        yield f"warning: {warning}"
    yield from map(_refusal, report.get("refusals", ()))  # older servers have none
    for room in rooms:
        yield ""
        yield f"room {room['room']}"
        yield from map(_peer, room["peers"])
        for pair in room["pairs"]:
            yield f"  {' - '.join(pair['peers'])}: {pair['state']}"
            yield from (f"    {diagnosis['text']}" for diagnosis in pair["diagnosis"])
        yield from (f"  {diagnosis['text']}" for diagnosis in room["diagnosis"])


def _peer(peer: dict[str, Any]) -> str:
    span = _span(peer["connected_seconds"])
    state = "" if peer["state"] == "present" else ", away"
    rule = _named_by(peer.get("named_by"))
    return f"  {peer['peer_id']:24} {peer['address']:24} {peer['transport']:10} {span}{state}{rule}"


def _named_by(rule: Any) -> str:
    """By which of the server's rules (`names:`) a peer got its name; "" if it brought its own."""
    if rule in (None, ""):
        return ""
    return f", named by rule {rule}" if isinstance(rule, int) else f", named by {rule}"


def _refusal(refusal: dict[str, Any]) -> str:
    """A caller that never became a peer: why, and what to do."""
    times = f"{refusal['times']} times, last " if refusal["times"] > 1 else ""
    when = f"{times}{_span(refusal['seconds_ago'])} ago"
    return f"refused {refusal['address']} ({when}): {refusal['text']}"


def _span(seconds: float) -> str:
    """A time in its two largest units: 12 s, 3 min, 5 h 20 min, 2 d 3 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if not minutes:
        return f"{int(seconds)} s"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if not days else f"{days} d {hours % 24} h"
