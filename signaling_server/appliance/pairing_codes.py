"""Pairing codes that are good just now: a file for each in the service's runtime folder.

`hawkeye-signaling pair` writes them as root, and the service takes them. To unlink a file succeeds
once, so a code is used once. The folder is in memory: no code outlives a boot.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from signaling_server.core.protocol.pairing_code import Offer, file_name, parse_offer

MOST_BYTES = 4096


def add(folder: Path, code: str, offer: Offer) -> None:
    """Make a code valid, and remove those that have expired. Raises OSError."""
    for file in folder.glob("pair-*.json"):
        with contextlib.suppress(OSError):
            old = parse_offer(_text(file))
            if old is None or not old.is_valid(offer.made):
                file.unlink()
    file = folder / file_name(code)
    written = file.with_suffix(".new")
    written.touch(mode=0o600)
    owner = folder.stat()
    os.chown(written, owner.st_uid, owner.st_gid)
    written.write_text(offer.text(), encoding="utf-8")
    written.replace(file)


def take(folder: Path, code: str, now: float) -> Offer | None:
    """The offer of a code, which is used up with this; None: unknown, used or expired."""
    name = file_name(code)
    if not name:
        return None
    try:
        text = _text(folder / name)
        (folder / name).unlink()
    except (OSError, UnicodeDecodeError):
        return None
    offer = parse_offer(text)
    return offer if offer is not None and offer.is_valid(now) else None


def _text(file: Path) -> str:
    with open(file, encoding="utf-8") as stream:
        return stream.read(MOST_BYTES)
