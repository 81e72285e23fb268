"""Callers that do not speak HTTP: aiohttp answers 400 and logs each with a traceback."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


def keep_out_of_log() -> None:
    """Let aiohttp log the server's own errors only: a caller's request line may hold a secret."""
    logging.getLogger("aiohttp.server").addFilter(_is_own_error)


def _is_own_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
