"""docs/examples/camera_device.py: a camera that is missing is told in words."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import camera_device

METADATA = 0x00800000
"""V4L2_CAP_META_CAPTURE."""
STREAMING = 0x04000000


def answer(whole: int, own: int = 0) -> bytes:
    return camera_device.CAPABILITY.pack(b"uvcvideo", b"Camera", b"usb", 0x60000, whole, own)


@pytest.mark.parametrize(
    ("whole", "own", "expected"),
    [
        (0x1 | STREAMING, 0, True),
        (0x1000 | STREAMING, 0, True),
        (STREAMING, 0, False),
        (0x80000001 | METADATA, 0x1 | STREAMING, True),
        (0x80000001 | METADATA, METADATA, False),
    ],
)
def test_second_device_of_a_camera_gives_no_pictures(whole: int, own: int, expected: bool) -> None:
    assert len(answer(whole, own)) == 104  # sizeof(struct v4l2_capability)
    assert camera_device.captures(answer(whole, own)) is expected


def test_missing_device_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    complaint = camera_device.complaint_about(str(tmp_path / "video0"))
    assert complaint.startswith("there is no such device; this machine has ")
    assert camera_device.devices(tmp_path) == "this machine has no /dev/video*"
    for name in ("video2", "video0"):
        (tmp_path / name).touch()
    expected = f"this machine has {tmp_path}/video0, {tmp_path}/video2"
    assert camera_device.devices(tmp_path) == expected


def test_device_that_is_no_camera_is_told() -> None:
    assert camera_device.complaint_about("/dev/null") == "it is no camera"


def failing(number: int) -> Any:
    def fail(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "add the user to the group video"), (errno.EBUSY, "cannot be opened: Device")],
)
def test_device_that_cannot_be_opened_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    monkeypatch.setattr(os, "open", failing(number))
    assert words in camera_device.complaint_about("/dev/video0")


@pytest.mark.parametrize(
    ("ioctl", "expected"),
    [
        (failing(errno.EIO), "it does not answer: Input/output error"),
        (lambda *_: answer(STREAMING), "it is no camera: it gives no pictures"),
        (lambda *_: answer(1), ""),
    ],
)
def test_answer_of_the_driver_decides(
    monkeypatch: pytest.MonkeyPatch, ioctl: Any, expected: str
) -> None:
    monkeypatch.setattr(camera_device.fcntl, "ioctl", ioctl)
    assert camera_device.complaint_about("/dev/null") == expected


def test_camera_that_is_there_lets_the_program_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_device.fcntl, "ioctl", lambda *_: answer(1))
    camera_device.check_device("/dev/null")
    with pytest.raises(SystemExit, match="camera: /dev/no-camera: there is no such device"):
        camera_device.check_device("/dev/no-camera")
