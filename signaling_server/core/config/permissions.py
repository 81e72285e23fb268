"""Why somebody may not read a file: the first entry on its path that is in the way.

By the rules of path_resolution(7): the owner's bits count for the owner, the group's for members of
the group, the others' for all others; a folder must allow to enter it.
"""

from __future__ import annotations

import stat
from typing import NamedTuple, Sequence

READ, ENTER = 4, 1
HIDDEN = {
    "/home": "ProtectHome",
    "/root": "ProtectHome",
    "/run/user": "ProtectHome",
    "/tmp": "PrivateTmp",
    "/var/tmp": "PrivateTmp",
}
"""The folders that the unit hides from the service, by the key that does it."""
SAFE = "/etc/hawkeye-signaling"


class Entry(NamedTuple):
    """A folder or file on a path: mode, and whose it is, by number and by name."""

    path: str
    mode: int
    uid: int
    gid: int
    owner: str
    group: str


class Reader(NamedTuple):
    """Who reads: a user with the group and further groups of its process."""

    name: str
    uid: int
    group: str
    gids: frozenset[int]


def obstacle(path: str, entries: Sequence[Entry], reader: Reader) -> str:
    """Which of the entries, from the root towards `path`, is in the way, and what helps.

    Behind a folder that the reader may not enter there are none.
    """
    for entry in entries:
        last = entry.path == path
        needed = _needed(entry, last)
        missing = needed & ~_allowed(entry, reader)
        if missing:
            verb = "read" if last else "enter"
            whose = f"{entry.owner}:{entry.group}, mode {stat.S_IMODE(entry.mode):o}"
            help_ = _command(entry, reader, needed)
            return f"user {reader.name} may not {verb} {entry.path} ({whose}): {help_}"
    return (
        f"user {reader.name} may not read {path}, though its mode allows it: an access control "
        "list or a security module is in the way"
    )


def hidden(path: str, keys: Sequence[str] = ("ProtectHome", "PrivateTmp")) -> str:
    """The folder above `path` that the unit hides, if it sets these keys; "" if there is none."""
    for folder, key in HIDDEN.items():
        if key in keys and path.startswith(f"{folder}/"):
            return folder
    return ""


def hidden_text(folder: str) -> str:
    """The sentence about a file in such a folder."""
    return (
        f"the service cannot see files below {folder}: its sandbox ({HIDDEN[folder]}=) hides them; "
        f"move this to {SAFE}"
    )


def _needed(entry: Entry, last: bool) -> int:
    if not last:
        return ENTER
    return READ | ENTER if stat.S_ISDIR(entry.mode) else READ


def _allowed(entry: Entry, reader: Reader) -> int:
    if reader.uid == entry.uid:
        return entry.mode >> 6 & 7
    return entry.mode >> 3 & 7 if entry.gid in reader.gids else entry.mode & 7


def _command(entry: Entry, reader: Reader, needed: int) -> str:
    bits = {READ: "r", ENTER: "x", READ | ENTER: "rx"}[needed]
    if reader.uid == entry.uid:
        return f"chmod u+{bits} {entry.path}"
    chmod = f"chmod g+{bits} {entry.path}"
    return chmod if entry.gid in reader.gids else f"chgrp {reader.group} {entry.path} && {chmod}"
