"""The text of one file of the configuration, or one sentence on why it cannot be had.

Nothing here waits: a named pipe or a device in the place of a file is refused, not read.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Callable

from signaling_server.core.config.permissions import (
    Entry,
    Reader,
    hidden,
    hidden_text,
    obstacle,
)
from signaling_server.errors import Complaint, ConfigError

MAX_BYTES = 1 << 20
"""Every key with its meaning takes 4 KiB: a file larger than this is some other file."""
SERVICE = "hawkeye-signaling"
"""The user that the package makes."""
OPEN_ALREADY = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Pipes that the caller holds open, such as a shell's <(...), end: they may be read."""
ENDLESS = {os.makedev(1, 3), os.makedev(1, 5)}
"""/dev/null and /dev/zero: reading them does not wait."""
KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def text(file: str) -> str:
    """The text of a file. Raises ConfigError."""
    content = contents(file)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        complaint = Complaint(file, line, column, "this is not UTF-8: save the file as UTF-8")
        raise ConfigError([complaint]) from None


def contents(file: str) -> bytes:
    """What is in a file, at most MAX_BYTES. Raises ConfigError."""
    try:
        _refuse_what_waits(file)
        with open(file, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([complaint(file, error)]) from None
    if len(content) > MAX_BYTES:
        too_large = f"this is larger than {MAX_BYTES} bytes: is it the right file?"
        raise ConfigError([Complaint(file, 0, 0, too_large)])
    return content


def _refuse_what_waits(file: str) -> None:
    """Raise ConfigError for what is no file, OSError if it cannot be looked at."""
    found = os.stat(file)
    if file.startswith(OPEN_ALREADY) or found.st_rdev in ENDLESS:
        return
    for is_kind, kind in KINDS:
        if is_kind(found.st_mode):
            raise ConfigError([Complaint(file, 0, 0, f"this is {kind}, not a file: remove it")])


def complaint(file: str, error: OSError) -> Complaint:
    """What an error at reading a file means for a person."""
    folder = hidden(os.path.realpath(file))
    if folder and _is_the_service():
        sentence = hidden_text(folder)
    elif isinstance(error, FileNotFoundError):
        sentence = "there is no such file: check the name, or whether it is a dangling symlink"
    elif isinstance(error, IsADirectoryError):
        sentence = "this is a directory: name a file in it, such as config.yaml"
    elif isinstance(error, PermissionError):
        path = os.path.realpath(file)
        sentence = obstacle(path, _entries(path), _reader())
    else:
        sentence = f"cannot be read: {error.strerror}"
    return Complaint(file, 0, 0, sentence)


def _is_the_service() -> bool:
    """Whether this is the service, or a check with its user."""
    return "RUNTIME_DIRECTORY" in os.environ or _user_name(os.geteuid()) == SERVICE


def _entries(path: str) -> list[Entry]:
    """The folders on a path, and what it leads to, as far as this process can see them."""
    entries = []
    parts = [part for part in path.split("/") if part]
    for count in range(len(parts) + 1):
        place = "/" + "/".join(parts[:count])
        try:
            found = os.stat(place)
        except OSError:
            break
        owner, group = _user_name(found.st_uid), _group_name(found.st_gid)
        entries.append(Entry(place, found.st_mode, found.st_uid, found.st_gid, owner, group))
    return entries


def _reader() -> Reader:
    gid = os.getegid()
    gids = frozenset({gid, *os.getgroups()})
    return Reader(_user_name(os.geteuid()), os.geteuid(), _group_name(gid), gids)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
