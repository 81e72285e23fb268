"""Why a server cannot be reached, in words for a person."""

from __future__ import annotations

import os
import ssl
from typing import Iterator


def explain(error: BaseException) -> str:
    """The system's own words about the first cause of an error, and advice where there is any."""
    causes = [each for each in _chain(error) if isinstance(each, OSError)]
    cause = causes[-1] if causes else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "--cafile names the authority to trust; --url must use a name in the certificate"
        return f"its certificate cannot be verified: {cause.verify_message}; {advice}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS handshake failed (is it an http:// server?): {cause.strerror or cause}"
    number = getattr(cause, "errno", None) or 0
    # asyncio's own text would repeat the address; the resolver's numbers are below 0.
    if number > 0:
        return os.strerror(number)
    return str(getattr(cause, "strerror", None) or cause) or "no answer in time"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, then what caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
