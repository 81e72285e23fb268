"""Plain HTTP requests to the server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any, Mapping, NamedTuple

from integration.server import PATIENCE


class Page(NamedTuple):
    """The answer to a request, an error or not."""

    status: int
    headers: Message
    body: str

    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)


def get(
    url: str, token: str = "", headers: Mapping[str, str] | None = None, data: bytes | None = None
) -> Page:
    """GET a URL, with a token as its Bearer; with `data`: POST it."""
    request = urllib.request.Request(url, data, dict(headers or {}))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Page(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Page(error.code, error.headers, error.read().decode())
