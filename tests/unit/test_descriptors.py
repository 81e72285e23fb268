"""File descriptors: the limit on them, and the one in reserve."""

from __future__ import annotations

import logging
import resource
from typing import Iterator

import pytest

from signaling_server.appliance.descriptors import (
    SPARE_CALLERS,
    SPARE_FILES,
    Reserve,
    allow_open_files,
    most_callers,
    room_for_strangers,
)
from unit.conftest import Hoard


def test_reserve_is_one_descriptor() -> None:
    reserve = Reserve()
    assert reserve.refill()
    assert reserve.spend()
    assert not reserve.spend()
    assert reserve.refill()
    assert reserve.spend()


def test_reserve_that_cannot_be_refilled_says_so(hoard: Hoard) -> None:
    reserve = Reserve()
    hoard.take_all()
    reserve.spend()
    hoard.take_all()
    assert not reserve.refill()


@pytest.fixture
def limit() -> Iterator[int]:
    """The hard limit on open files; the soft one is as low as the test needs it, and comes back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def allowed() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_client_that_polls_has_two_connections() -> None:
    assert most_callers(100) == 200 + SPARE_CALLERS


def test_limit_on_open_files_is_raised_as_far_as_needed(
    limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    allow_open_files(100, 50)
    needed = 250 + SPARE_CALLERS + SPARE_FILES
    assert allowed() == needed
    allow_open_files(1, 1)
    assert allowed() == needed
    assert not caplog.records


def test_too_low_a_hard_limit_is_logged(
    limit: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (256, 300))
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: raised.append(limits))
    with caplog.at_level(logging.WARNING):
        allow_open_files(100, 50)
    assert raised == [(300, 300)]
    (record,) = caplog.records
    assert record.getMessage() == (
        "limits.connections is 100 and limits.strangers 50, which requires 378 open files, "
        "but only 300 are allowed: raise LimitNOFILE= or lower the limits"
    )


def test_no_hard_limit_at_all_is_enough(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (256, resource.RLIM_INFINITY))
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: raised.append(limits))
    allow_open_files(100, 50)
    assert raised == [(378, resource.RLIM_INFINITY)]
    assert not caplog.records


@pytest.mark.parametrize(
    ("soft", "strangers"),
    [(resource.RLIM_INFINITY, 500), (10_000, 500), (628, 300), (336, 42)],
)
def test_strangers_get_the_descriptors_that_connections_leave(
    soft: int, strangers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, soft))
    assert room_for_strangers(100, 500) == strangers
