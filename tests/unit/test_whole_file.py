"""Writing a file whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from signaling_server.appliance import whole_file


def test_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for text in ("old", "new"):
        whole_file.replace(str(file), text)
        assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def disk_full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, disk_full)
    with pytest.raises(OSError, match="No space left"):
        whole_file.replace(str(file), "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
