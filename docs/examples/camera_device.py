# SPDX-License-Identifier: MIT
"""Whether a camera's device can be used, asked before a program joins a room: without a camera
there is nothing to offer, and a viewer would only see that no picture comes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP of V4L2: what the driver can do."""
CAPABILITY = struct.Struct("=16s32s32sIII12x")
CAPTURES = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, also of several planes: the device gives pictures."""
OF_THE_DEVICE = 0x80000000
"""V4L2_CAP_DEVICE_CAPS: the driver tells this device's capabilities apart from the others'."""


def check_device(path: str) -> None:
    """End the program with a sentence, and exit code 1, unless `path` is a camera."""
    complaint = complaint_about(path)
    if complaint:
        raise SystemExit(f"camera: {path}: {complaint}")


def complaint_about(path: str) -> str:
    """What keeps a program from getting pictures there; `""` if nothing does."""
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:
        return f"there is no such device; {devices(Path('/dev'))}"
    except PermissionError:
        return "this user may not open it: add the user to the group video"
    except OSError as error:
        return f"it cannot be opened: {os.strerror(error.errno or 0)}"
    try:
        answer = fcntl.ioctl(device, QUERYCAP, bytes(CAPABILITY.size))
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            return "it is no camera"
        return f"it does not answer: {os.strerror(error.errno or 0)}"
    finally:
        os.close(device)
    return "" if captures(answer) else "it is no camera: it gives no pictures"


def captures(answer: bytes) -> bool:
    """Whether a device with this answer to QUERYCAP gives pictures. Many cameras have a second
    device, for data about the pictures.
    """
    *_, whole, own = CAPABILITY.unpack(answer)
    return bool((own if whole & OF_THE_DEVICE else whole) & CAPTURES)


def devices(folder: Path) -> str:
    """The devices that may be cameras, in words."""
    found = sorted(str(each) for each in folder.glob("video*"))
    return f"this machine has {', '.join(found)}" if found else "this machine has no /dev/video*"
