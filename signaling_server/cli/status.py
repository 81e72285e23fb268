"""`hawkeye-signaling status`: prints the state of a running server."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from signaling_server.cli.connection_errors import explain
from signaling_server.cli.remote import RemoteServer
from signaling_server.core.reporting import status_text
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
        lines = status_text.lines(report)
    except (KeyError, TypeError):
        reason = "is not hawkeye-signaling, or another version of it"
        raise NoAnswerError(f"the server at {server.url} {reason}") from None
    for line in lines:
        print(line)
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
