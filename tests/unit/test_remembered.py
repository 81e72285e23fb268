"""What one run of the server remembers for the next."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from signaling_server.appliance import remembered

CLOSED = {"auth.tokens_file": "/etc/hawkeye-signaling/conf.d/closed.yaml"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd makes for the service."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    return folder


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_remembered_without_systemd(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    if value is not None:
        monkeypatch.setenv("STATE_DIRECTORY", value)
    assert remembered.file() == ""
    assert remembered.write(CLOSED) == ""
    assert remembered.read() == {}


def test_first_of_several_folders_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{folder}:/elsewhere")
    assert remembered.file() == str(folder / "doors.json")


def test_closed_doors_are_remembered_in_one_line(folder: Path) -> None:
    assert remembered.read() == {}
    assert remembered.write(CLOSED) == ""
    assert remembered.read() == CLOSED
    assert os.listdir(folder) == ["doors.json"]
    assert (folder / "doors.json").read_text().count("\n") == 1
    assert remembered.write({}) == ""
    assert remembered.read() == {}


def test_server_that_was_never_closed_writes_nothing(folder: Path) -> None:
    assert remembered.write({}) == ""
    assert os.listdir(folder) == []


def test_file_is_written_only_when_something_changes(folder: Path) -> None:
    remembered.write(CLOSED)
    before = os.stat(folder / "doors.json").st_ino
    remembered.write(CLOSED)
    assert os.stat(folder / "doors.json").st_ino == before


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"auth.tokens_file": 1}', "\udcff"])
def test_damaged_file_counts_as_tokens_on(folder: Path, damage: str) -> None:
    (folder / "doors.json").write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert remembered.read() == {"auth.tokens_file": str(folder / "doors.json")}


def test_every_prefix_of_the_file_counts_as_tokens_on(folder: Path) -> None:
    whole = json.dumps(CLOSED)
    for length in range(len(whole)):
        (folder / "doors.json").write_text(whole[:length])
        assert set(remembered.read()) == {"auth.tokens_file"}


def test_folder_that_cannot_be_written_gives_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(folder / "missing"))
    assert remembered.write(CLOSED) == (
        f"{folder}/missing/doors.json cannot be written (No such file or directory): the next start"
        " may open what is closed now"
    )


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_that_fails_leaves_the_old_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    remembered.write(CLOSED)

    def disk_full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, disk_full)
    assert "No space left on device" in remembered.write({})
    assert remembered.read() == CLOSED
    assert os.listdir(folder) == ["doors.json"]
