from __future__ import annotations

import logging

import pytest

from signaling_server.core.protocol.strangers import GRACE
from signaling_server.entrance import COMPLAINT_SECONDS, Entrance


class Hall:
    """An entrance for two, and whom it closed."""

    def __init__(self) -> None:
        self.now = 100.0
        self.limit = 2
        self.closed: list[object] = []
        self.entrance = Entrance(lambda: self.limit, lambda: self.now)

    def come(self, key: object, address: str = "10.0.0.1") -> None:
        self.entrance.add(key, address, lambda: self.closed.append(key))


def test_stranger_too_many_makes_the_oldest_silent_one_go() -> None:
    hall = Hall()
    hall.come(1)
    hall.come("session")
    hall.entrance.progress(1)
    hall.now += GRACE
    hall.come(2, "10.0.0.2")
    assert hall.closed == ["session"]
    assert (len(hall.entrance), hall.entrance.sessions, hall.entrance.evicted) == (2, 0, 1)
    assert 1 in hall.entrance


def test_who_leaves_is_not_closed() -> None:
    hall = Hall()
    for key in (1, "a", "b", 2):
        hall.come(key)
        assert hall.entrance.sessions == isinstance(key, str)
        hall.entrance.leave(key)
        hall.entrance.leave(key)
    assert (hall.closed, len(hall.entrance), hall.entrance.sessions) == ([], 0, 0)


def test_session_that_comes_again_is_counted_once() -> None:
    hall = Hall()
    hall.come("a")
    hall.come("a")
    assert (hall.closed, hall.entrance.sessions) == ([], 1)


def test_limit_may_change_at_any_time() -> None:
    hall = Hall()
    hall.come(1)
    hall.limit = 1
    hall.come(2)
    assert hall.closed == [1]


def test_log_says_it_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    hall = Hall()
    hall.limit = 0
    with caplog.at_level(logging.WARNING, "signaling_server.entrance"):
        for seconds in (0, 0, COMPLAINT_SECONDS):
            hall.now += seconds
            hall.come(1)
    assert [record.args for record in caplog.records] == [(1,), (3,)]


def test_address_of_who_has_to_go_is_told() -> None:
    hall, told = Hall(), []
    hall.entrance.when_evicted = told.append
    hall.come(1, "10.0.0.1")
    hall.come(2, "10.0.0.2")
    hall.come(3, "10.0.0.1")
    hall.entrance.leave(2)
    assert told == ["10.0.0.1"]
