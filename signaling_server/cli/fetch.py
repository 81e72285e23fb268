"""GET /api/status of a running server."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from signaling_server.cli.connection_errors import explain
from signaling_server.cli.remote import RemoteServer
from signaling_server.errors import NoAnswerError

SECONDS = 5.0
"""How long an answer may take."""
_MAX_TEXT = 200
_NO_TOKEN = "a token with `can: [status]` is required: --token, or HAWKEYE_TOKEN"


def fetch(server: RemoteServer) -> Any:
    """The body of /api/status. Raises NoAnswerError."""
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
        with error:
            reason = _refusal(error, bool(server.token))
    except (http.client.HTTPException, ValueError):  # no JSON, or no text at all
        reason = "the server there is not hawkeye-signaling"
    except OSError as error:
        reason = explain(error)
    raise NoAnswerError(f"no status from {server.url}: {reason}")


def _refusal(error: urllib.error.HTTPError, has_token: bool) -> str:
    """What an HTTP status means here."""
    if error.code == 401:
        return f"the token is refused: {_said(error)}" if has_token else _NO_TOKEN
    if error.code == 404:
        return "it serves no status: status.enabled is false there, or it is another server"
    return f"it answers {error.code} {error.reason}"


def _said(error: urllib.error.HTTPError) -> str:
    """The server's own words, fit for a terminal."""
    try:
        text = str(json.load(error)["error"])
    except (OSError, ValueError, KeyError, TypeError):
        text = "it is not known there, has expired, or is not for the status"
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_MAX_TEXT])
