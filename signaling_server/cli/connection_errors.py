"""Why a server cannot be reached, in words for a person."""

from __future__ import annotations

import os
import ssl
from typing import Iterator


def explain(error: BaseException) -> str:
    """What the system said at the bottom of an error, and what to do about it if that is known."""
    causes = [each for each in _chain(error) if isinstance(each, OSError)]
    cause = causes[-1] if causes else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = "--cafile names the authority to trust, --url the server as its certificate does"
        return f"its certificate is not good: {cause.verify_message}; {hint}"
    if isinstance(cause, ssl.SSLError):
        return f"it does not speak TLS as we do: {cause.strerror or cause}"
    number = getattr(cause, "errno", None) or 0
    if number > 0:  # asyncio's text names the address once more, the resolver's numbers are below 0
        return os.strerror(number)
    return str(getattr(cause, "strerror", None) or cause) or "no answer in time"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, then what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
