"""QR codes of this server's own URLs, made on the machine itself: a field has no internet.

They need segno (Debian: python3-segno; pip: the extra `qr`); without it, the pages show the text
alone. A code takes some milliseconds, so it is made in a thread, one at a time, and not often.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import io
import time
from functools import lru_cache
from typing import Callable, Collection
from urllib.parse import urlsplit

from signaling_server.core.protocol.limits import TokenBucket

MOST_CHARACTERS = 512
"""Of a URL; a code of more is hard to scan from a screen."""
PER_SECOND, BURST = 4.0, 32.0
KEPT = 64
"""Codes that are kept: a page asks for the same few again."""
QUIET_ZONE = 4
"""White modules around it: ISO/IEC 18004, 6.3.8."""


class TooMany(Exception):
    """More codes are asked for than the server has time for."""


class QrCodes:
    """You must create it in the event loop that uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = TokenBucket(PER_SECOND, BURST, clock())
        self._one = asyncio.Lock()
        self._svg = lru_cache(KEPT)(_svg)

    async def svg(self, text: str) -> bytes:
        """The code of a text, as an SVG image. Raises TooMany."""
        if not self._pace.take(self._clock()):
            raise TooMany
        async with self._one:
            return await asyncio.get_running_loop().run_in_executor(None, self._svg, text)


def available() -> bool:
    """Whether segno is installed."""
    return importlib.util.find_spec("segno") is not None


def terminal(text: str) -> str:
    """The code of a text, in block characters for a terminal."""
    made = io.StringIO()
    importlib.import_module("segno").make(text, error="l", micro=False).terminal(made, compact=True)
    return made.getvalue()


def is_own(url: str, hosts: Collection[str]) -> bool:
    """Whether a URL leads to this server; `hosts` are its own, with the port where one is needed.

    A code for any URL would lend this server's good name to it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    web = parts.scheme in ("http", "https")
    return web and parts.netloc in hosts and len(url) <= MOST_CHARACTERS


def _svg(text: str) -> bytes:
    made = io.BytesIO()
    code = importlib.import_module("segno").make(text, error="m", micro=False)
    # Without a namespace of its own for the line's class, and on white: phones want it so.
    code.save(
        made,
        kind="svg",
        border=QUIET_ZONE,
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        omitsize=True,
    )
    return made.getvalue()
