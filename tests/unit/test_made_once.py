"""What the tests of the machines make once (tests/appliance/once.py)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from appliance import once


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(once, "CACHE", tmp_path)
    return tmp_path


def test_second_caller_waits_for_the_first_and_gets_what_it_made() -> None:
    began, go_on, made = threading.Event(), threading.Event(), []

    def make(folder: Path) -> None:
        began.set()
        assert go_on.wait(10)
        made.append(folder)
        (folder / "package").write_text("built")

    def ask() -> None:
        assert (once.made_once("name", "key", make) / "package").read_text() == "built"

    callers = [threading.Thread(target=ask) for _ in range(2)]
    callers[0].start()
    assert began.wait(10)
    callers[1].start()
    go_on.set()
    for caller in callers:
        caller.join(10)
    assert len(made) == 1


def test_what_fails_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        once.made_once("name", "key", fail)
    assert not [*once.made_once("name", "key", lambda _: None).iterdir()]


def test_what_was_made_from_another_source_is_deleted_after_a_day(cache: Path) -> None:
    for key in ("old", "recent"):
        once.made_once("name", key, lambda _: None)
    once.made_once("other", "old", lambda _: None)
    for name in ("name", "other"):
        os.utime(cache / f"{name}-old", (0, 0))
    once.made_once("name", "new", lambda _: None)
    kept = {entry.name for entry in cache.iterdir() if entry.is_dir()}
    assert kept == {"name-recent", "name-new", "other-old"}


def test_key_of_the_source_changes_with_what_the_package_is_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "ROOT", tmp_path)
    file = tmp_path / "README.md"
    file.write_text("before")
    before = once.digest(file)
    assert once.digest(file) == before
    file.write_text("after")
    assert once.digest(file) != before
