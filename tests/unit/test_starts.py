"""When the server started in the last hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_server.appliance import starts

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd makes for the service."""
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    return tmp_path


def test_nothing_is_remembered_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    starts.remember(NOW, NOW)
    assert starts.file() == ""
    assert starts.read(NOW) == []


def test_starts_of_the_last_hour_are_read_by_the_next_run(folder: Path) -> None:
    assert starts.read(NOW) == []
    starts.remember(NOW - 4000, NOW - 4000)
    starts.remember(NOW - 600, NOW - 590)
    starts.remember(NOW - 20, NOW)
    assert starts.read(NOW) == [NOW - 600, NOW - 20]
    assert [path.name for path in folder.iterdir()] == ["starts.json"]


def test_one_start_is_remembered_once(folder: Path) -> None:
    starts.remember(NOW - 20, NOW)
    starts.remember(NOW - 19.5, NOW)
    assert starts.read(NOW) == [NOW - 19.5]


def test_starts_are_few_and_none_is_in_the_future(folder: Path) -> None:
    for seconds in range(200, 0, -2):
        starts.remember(NOW - seconds, NOW)
    assert starts.read(NOW) == [NOW - seconds for seconds in range(40, 0, -2)]
    assert starts.read(NOW - 100) == []


@pytest.mark.parametrize("text", ["", "{", '"x"', "{}", '["x", true, null, 5]', "\xff"])
def test_file_that_makes_no_sense_is_no_start(folder: Path, text: str) -> None:
    (folder / starts.NAME).write_text(text, encoding="latin-1")
    assert starts.read(NOW) == []
    starts.remember(NOW, NOW)
    assert starts.read(NOW) == [NOW]


def test_file_that_cannot_be_written_is_no_error(folder: Path) -> None:
    (folder / f"{starts.NAME}.new").mkdir()
    starts.remember(NOW, NOW)
    assert starts.read(NOW) == []
