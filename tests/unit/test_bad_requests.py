"""Which errors of aiohttp are logged."""

from __future__ import annotations

import logging
from typing import Iterator

import pytest
from aiohttp.http_exceptions import BadStatusLine

from signaling_server.web import bad_requests

SERVER = logging.getLogger("aiohttp.server")


@pytest.fixture(autouse=True)
def filtered() -> Iterator[None]:
    bad_requests.keep_out_of_log()
    bad_requests.keep_out_of_log()
    yield
    SERVER.removeFilter(bad_requests._is_own_error)
    assert not SERVER.filters


@pytest.mark.parametrize(("error", "logged"), [(BadStatusLine("x"), 0), (KeyError("x"), 1)])
def test_only_errors_of_the_server_are_logged(
    caplog: pytest.LogCaptureFixture, error: Exception, logged: int
) -> None:
    SERVER.error("Error handling request", exc_info=error)
    assert len(caplog.records) == logged


def test_line_without_an_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    SERVER.error("text")
    assert len(caplog.records) == 1
