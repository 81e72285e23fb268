"""Pairing: a code that a person carries to a device once, and that the device trades for a token.

A link or a QR code is seen by more than the device that it is for: by a camera's history, a
preview, a shoulder. So it never holds a lasting token, but a code that is good once, for five
minutes. The server's machine holds the code's SHA-256 alone.
"""

from __future__ import annotations

import base64
import json
import re
from typing import NamedTuple

from signaling_server.core.names import NAME
from signaling_server.core.protocol.auth import Grant, digest

CODE_BYTES = 16
"""128 random bits."""
VALID_SECONDS = 300.0
_CODE = re.compile(r"[A-Za-z0-9_-]{22}")


class Offer(NamedTuple):
    """What the token of one code will allow."""

    name: str
    room: str | None
    """None: every room."""
    made: float
    """Seconds of a clock that no one sets, such as CLOCK_BOOTTIME (clock_gettime(2))."""

    def is_valid(self, now: float) -> bool:
        """Whether the code may still be used."""
        return 0 <= now - self.made <= VALID_SECONDS

    def text(self) -> str:
        """As JSON."""
        return json.dumps(self._asdict())


class Paired(NamedTuple):
    """What a device gets for its code: a new token, and what it allows."""

    token: str
    grant: Grant


def parse_offer(text: str) -> Offer | None:
    """The offer that `Offer.text` wrote; None: this is none."""
    try:
        offer = Offer(**json.loads(text))
    except (ValueError, TypeError):
        return None
    named = all(isinstance(name, str) and NAME.fullmatch(name) for name in _names(offer))
    return offer if named and type(offer.made) is float else None


def _names(offer: Offer) -> list[str]:
    return [offer.name, *([] if offer.room is None else [offer.room])]


def new_code(randomness: bytes) -> str:
    """A code of CODE_BYTES random bytes."""
    return base64.urlsafe_b64encode(randomness).decode().rstrip("=")


def file_name(code: str) -> str:
    """The file that holds the offer of a code; "" if no code looks like this."""
    return f"pair-{digest(code)}.json" if _CODE.fullmatch(code) else ""
