"""Plays run side by side, and each tells its own test how it went."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from faults.beside import Beside, Play


def test_plays_meet_and_each_has_its_own_folder_and_result(tmp_path: Path) -> None:
    meeting = threading.Barrier(2)

    def meet(folder: Path) -> str:
        meeting.wait(30)
        return folder.name

    with Beside([Play("one", meet), Play("two", meet)], lambda name: tmp_path / name, 2) as beside:
        assert beside.said("two") == "two"
        assert beside.said("one") == "one"


def test_play_that_fails_fails_its_test_alone(tmp_path: Path) -> None:
    def fail(_: Path) -> str:
        raise AssertionError("no sentence")

    plays = [Play("bad", fail), Play("good", lambda _: "a sentence")]
    with Beside(plays, lambda _: tmp_path) as beside:
        with pytest.raises(AssertionError, match="no sentence"):
            beside.said("bad")
        assert beside.said("good") == "a sentence"


def test_long_plays_begin_first(tmp_path: Path) -> None:
    begun: list[str] = []

    def begin(name: str, _: Path) -> str:
        begun.append(name)
        return name

    plays = [Play(name, partial(begin, name), name == "long") for name in ("short", "long")]
    with Beside(plays, lambda _: tmp_path, 1) as beside:
        beside.said("short")
    assert begun == ["long", "short"]


def test_play_that_has_not_begun_never_does(tmp_path: Path) -> None:
    submitted = threading.Event()
    begun: list[str] = []

    def hold(_: Path) -> str:
        submitted.wait(30)
        deadline = time.monotonic() + 30
        while not beside._futures["late"].cancelled() and time.monotonic() < deadline:
            time.sleep(0.01)
        return "held"

    def record(_: Path) -> str:
        begun.append("late")
        return ""

    beside = Beside([Play("first", hold), Play("late", record)], lambda _: tmp_path, 1)
    with beside:
        submitted.set()
    assert beside.said("first") == "held"
    assert begun == []
