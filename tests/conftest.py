"""Shared by all tests."""

from __future__ import annotations

import sys
from typing import Iterator

import pytest

import needs
from contract import found


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
        "--kinds",
        default="",
        metavar="KIND,...",
        help="of the integration tests that run with each kind of client, only these kinds",
    )
    parser.addoption(
        "--no-fast-path",
        action="store_true",
        help="the servers of the integration tests relay every signal by the slow path",
    )
    parser.addoption(
        "--fleet",
        type=int,
        choices=(1, 2),
        metavar="HOSTS",
        help="the servers of the integration tests are in fleets: 1: each in one of its own; 2:"
        " with a second host each, and clients connect to the two in turn",
    )
    parser.addoption(
        "--redis-server",
        action="append",
        default=[],
        metavar="PROGRAM",
        help="what the tests of tests/fleet run as Redis, instead of redis-server and, where it is"
        " installed, valkey-server; may be given more than once",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    times = metafunc.config.getoption("repeat")
    if times > 1 and metafunc.definition.get_closest_marker("repeat"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times))


@pytest.fixture(autouse=True)
def contract() -> Iterator[None]:
    """Fail a test during which something passed that the published schemas do not describe.

    What fixtures of a wider scope complain about counts in the test that comes next.
    """
    yield
    assert found.take() == []


@pytest.fixture(scope="session", autouse=True)
def contract_at_the_end() -> Iterator[None]:
    """Fail the last test if such fixtures complain as they end."""
    yield
    assert found.take() == []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail before any fixture starts if this machine lacks what the test's folder needs."""
    folder = f"tests/{item.path.parent.name}"
    if folder in needs.FOLDERS and needs.missing(folder):
        pytest.fail(needs.missing(folder), pytrace=False)
