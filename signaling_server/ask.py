"""`hawkeye-signaling status` and `probe`: ask a server that runs, here or elsewhere."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Iterator

from signaling_server.core.status import plural
from signaling_server.errors import NoAnswerError

SECONDS = 5.0
"""What an answer may take."""


def status(url: str, token: str | None, cafile: str | None, as_json: bool) -> int:
    """Print how the server is; 0, or 1 if it does not answer."""
    request = urllib.request.Request(f"{url.rstrip('/')}/api/status")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=_tls(cafile)) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise NoAnswerError(
                "the server wants a token that may see its status: --token"
            ) from None
        raise NoAnswerError(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoAnswerError(f"no answer from {url}: {reason}. Is it running, and there?") from None
    print(json.dumps(found, indent=2) if as_json else "\n".join(_table(found)))
    return 0


def _table(found: dict[str, Any]) -> Iterator[str]:
    server, rooms = found["server"], found["rooms"]
    peers = sum(len(room["peers"]) for room in rooms)
    signals = found["counters"]["signals"]
    yield f"hawkeye-signaling {server['version']}, up {_span(server['uptime_seconds'])}"
    yield ", ".join([plural(peers, "peer"), plural(len(rooms), "room"), plural(signals, "signal")])
    for warning in server["warnings"]:
        yield f"warning: {warning}"
    for room in rooms:
        yield f"\nroom {room['room']}"
        for peer in room["peers"]:
            span = _span(peer["connected_seconds"])
            state = "" if peer["state"] == "present" else ", away"
            address, transport = peer["address"], peer["transport"]
            yield f"  {peer['peer_id']:24} {address:24} {transport:10} {span}{state}"
        for pair in room["pairs"]:
            yield f"  {' - '.join(pair['peers'])}: {pair['state']}"
            for diagnosis in pair["diagnosis"]:
                yield f"    {diagnosis['text']}"


def _span(seconds: float) -> str:
    """A time as a person says it: 12 s, 3 min, 5 h 20 min, 2 d 3 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if not minutes:
        return f"{seconds:.0f} s"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if not days else f"{days} d {hours % 24} h"


def probe(url: str, token: str | None, cafile: str | None, as_json: bool) -> int:
    """Let two clients do a handshake, and print each step; 0, or 1 if one went wrong."""
    from signaling_server.transport import probe as handshake

    steps: list[handshake.Step] = []

    def tell(step: handshake.Step) -> None:
        steps.append(step)
        if not as_json:
            mark = f"FAILED: {step.trouble}" if step.trouble else "ok"
            print(f"{step.name:32} {step.milliseconds:8.1f} ms  {mark}", flush=True)

    fine = asyncio.run(handshake.probe(url, token, _tls(cafile), tell))
    if as_json:
        print(json.dumps({"ok": fine, "steps": [step._asdict() for step in steps]}, indent=2))
    else:
        print("signaling works" if fine else f"signaling does not work at {url}")
    return 0 if fine else 1


def _tls(cafile: str | None) -> ssl.SSLContext:
    """Trust the system's authorities, or the one in a file: a ground station's own."""
    return ssl.create_default_context(cafile=cafile)
