"""`hawkeye-signaling status`: prints the state of a running server."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Iterator

from signaling_server.cli.connection_errors import explain
from signaling_server.cli.remote import RemoteServer
from signaling_server.core.words import plural
from signaling_server.errors import NoAnswerError

SECONDS = 5.0
"""How long an answer may take."""
REASONS = {
    401: "a token with `can: [status]` is required: --token",
    404: "it serves no status: status.enabled is false there, or it is another server",
}
"""What an HTTP status means here."""


def status(server: RemoteServer, as_json: bool) -> int:
    """Print the status; returns 0. Raises NoAnswerError."""
    report = _fetch(server)
    if as_json:
        print(json.dumps(report, indent=2))
        return 0
    try:
        lines = list(_table(report))
    except (KeyError, TypeError):
        reason = "is not hawkeye-signaling, or another version of it"
        raise NoAnswerError(f"the server at {server.url} {reason}") from None
    for line in lines:  # names are up to the peers, and must not control the terminal
        print("".join(sign if sign.isprintable() else "?" for sign in line))
    return 0


def _fetch(server: RemoteServer) -> Any:
    """The body of /api/status."""
    request = urllib.request.Request(f"{server.base()}/api/status")
    if server.token:
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    # Directly, as clients connect: not through a proxy that the environment may name.
    direct = urllib.request.ProxyHandler({})
    https = urllib.request.HTTPSHandler(context=server.tls())
    try:
        with urllib.request.build_opener(direct, https).open(request, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        reason = REASONS.get(error.code, f"it answers {error.code} {error.reason}")
        error.close()
    except (http.client.HTTPException, json.JSONDecodeError):
        reason = "the server there is not hawkeye-signaling"
    except OSError as error:
        reason = explain(error)
    raise NoAnswerError(f"no status from {server.url}: {reason}")


def _table(report: Any) -> Iterator[str]:
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
