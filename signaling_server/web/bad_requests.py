"""Callers that do not speak HTTP: aiohttp answers 400, and tells the log of each at length."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


def keep_out_of_log() -> None:
    """Let aiohttp log our mistakes, and not those of callers, whose lines may hold secrets."""
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
