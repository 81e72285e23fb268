"""Writing a file whole: after a power cut there is the old one or the new one."""

from __future__ import annotations

import contextlib
import os


def replace(path: str, text: str) -> None:
    """Write a file, or leave the old one as it was. Raises OSError."""
    written = f"{path}.new"
    try:
        with open(written, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(written, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(written)
        raise
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    """Make a rename in a folder outlast a power cut: rename(2) alone does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
