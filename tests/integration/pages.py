"""Plain HTTP requests to the server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any, Mapping, NamedTuple

from contract import watch
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
    """GET a URL, with a token as its Bearer; with `data`: POST it.

    The answer is checked against the published schemas.
    """
    request = urllib.request.Request(url, data, dict(headers or {}))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    page = _fetch(request)
    kind = page.headers.get("Content-Type", "")
    watch.page(request.get_method(), url, page.status, kind, page.body)
    return page


def _fetch(request: urllib.request.Request) -> Page:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Page(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Page(error.code, error.headers, error.read().decode())
