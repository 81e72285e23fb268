"""`hawkeye-signaling status` and `probe`: ask a server that runs, here or elsewhere."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Iterator, NamedTuple
from urllib.parse import urlsplit

from signaling_server.cli.connection_errors import explain
from signaling_server.core.words import plural
from signaling_server.errors import NoAnswerError

SECONDS = 5.0
"""What an answer may take."""
REASONS = {
    401: "it wants a token that may see its status: --token",
    404: "it has no status for us: status.enabled is false there, or it is another server",
}


class Server(NamedTuple):
    """A server to ask. `token` may be empty; `cafile` is the authority to trust for https."""

    url: str
    socketio_path: str
    token: str
    cafile: str | None

    def base(self) -> str:
        """The URL that paths are added to. Raises NoAnswerError."""
        url = self.url if "://" in self.url else f"http://{self.url}"
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of a port
            good = False
        if not good:
            raise NoAnswerError(f"{self.url} is no URL such as http://192.168.1.5:8080")
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def tls(self) -> ssl.SSLContext:
        """Trusts the system's authorities, or a ground station's own. Raises NoAnswerError."""
        try:
            return ssl.create_default_context(cafile=self.cafile)
        except OSError as error:  # ssl.SSLError is one
            raise NoAnswerError(f"{self.cafile}: {error.strerror or error}") from None


def status(server: Server, as_json: bool) -> int:
    """Print how the server is; 0. Raises NoAnswerError."""
    found = _fetch(server)
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    try:
        lines = list(_table(found))
    except (KeyError, TypeError):
        raise NoAnswerError(f"{server.url} is no hawkeye-signaling, or another version") from None
    for line in lines:  # what peers say of themselves must not steer the terminal
        print("".join(sign if sign.isprintable() else "?" for sign in line))
    return 0


def _fetch(server: Server) -> Any:
    request = urllib.request.Request(f"{server.base()}/api/status")
    if server.token:
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    # As direct as clients are: without the proxy that the environment may name.
    direct = urllib.request.ProxyHandler({})
    https = urllib.request.HTTPSHandler(context=server.tls())
    try:
        with urllib.request.build_opener(direct, https).open(request, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        reason = REASONS.get(error.code, f"it answers {error.code} {error.reason}")
        error.close()
    except (http.client.HTTPException, json.JSONDecodeError):
        reason = "what answers there is no hawkeye-signaling"
    except OSError as error:
        reason = explain(error)
    raise NoAnswerError(f"no status from {server.url}: {reason}")


def _table(found: Any) -> Iterator[str]:
    server, rooms = found["server"], found["rooms"]
    peers = sum(len(room["peers"]) for room in rooms)
    signals = found["counters"]["signals"]
    yield f"hawkeye-signaling {server['version']}, up {_span(server['uptime_seconds'])}"
    yield ", ".join([plural(peers, "peer"), plural(len(rooms), "room"), plural(signals, "signal")])
    for warning in server["warnings"]:
        yield f"warning: {warning}"
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
    return f"  {peer['peer_id']:24} {peer['address']:24} {peer['transport']:10} {span}{state}"


def _span(seconds: float) -> str:
    """A time as a person says it: 12 s, 3 min, 5 h 20 min, 2 d 3 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if not minutes:
        return f"{int(seconds)} s"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if not days else f"{days} d {hours % 24} h"


def probe(server: Server, as_json: bool) -> int:
    """Let two clients do a handshake, and print each step; 0, or 1 if one went wrong.

    Raises NoAnswerError if it cannot even begin.
    """
    from signaling_server.cli import probe as handshake  # takes long to import

    steps: list[handshake.Step] = []

    def tell(step: handshake.Step) -> None:
        steps.append(step)
        if not as_json:
            mark = f"FAILED: {step.trouble}" if step.trouble else "ok"
            print(f"{step.name:32} {step.milliseconds:8.1f} ms  {mark}", flush=True)

    url, tls = server.base(), server.tls()
    asyncio.run(handshake.probe(url, server.socketio_path, server.token, tls, tell))
    fine = not steps[-1].trouble
    if as_json:
        print(json.dumps({"ok": fine, "steps": [step._asdict() for step in steps]}, indent=2))
    else:
        print(f"signaling {'works' if fine else 'does not work'} at {server.url}")
    return 0 if fine else 1
