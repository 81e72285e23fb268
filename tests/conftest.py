"""Shared by all tests."""

from __future__ import annotations

import sys

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--repeat",
        type=int,
        default=1,
        metavar="N",
        help="run each test marked `repeat` N times",
    )
    parser.addoption(
        "--server-python",
        default=sys.executable,
        metavar="FILE",
        help="the Python that runs the servers of the integration tests",
    )
    parser.addoption(
        "--ordinary-path",
        action="store_true",
        help="the servers of the integration tests relay without the short way of a signal",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    times = metafunc.config.getoption("repeat")
    if times > 1 and metafunc.definition.get_closest_marker("repeat"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times))
