"""How a line is written: to a terminal or file, or to journald with its fields."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import select
import socket
import struct
import time
from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from signaling_server.logs.masking import clean

JOURNAL = "/run/systemd/journal/socket"

PACKAGE = "signaling_server"

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""The priorities of syslog (RFC 5424, 6.2.1); CRITICAL is 2."""


class Line(NamedTuple):
    """What is kept of a log record: nothing that keeps a frame or a client's message alive."""

    message: str
    created: float = 0.0
    level: int = logging.NOTSET
    logger: str = PACKAGE
    path: str = ""
    number: int = 0
    """The line of code that logs it."""
    traceback: tuple[str, ...] = ()
    fields: Mapping[str, Any] = MappingProxyType({})
    """HAWKEYE_EVENT and so on."""

    def text(self) -> str:
        """The message, then the traceback, indented so that nothing in it passes for a line."""
        own = self.logger.partition(".")[0] == PACKAGE
        message = self.message if own else f"{self.logger}: {self.message}"
        return "\n    ".join(map(clean, (message, *self.traceback)))


class Writer(NamedTuple):
    """How lines are written, and what to call after the last one."""

    write: Callable[[Sequence[Line]], int]
    """Write lines in their order; returns how many are written, and raises OSError for none."""
    done: Callable[[], None]


def leads_to_journal(fd: int) -> bool:
    """systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream, if journald reads it."""
    status = os.fstat(fd)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def writer_for(fd: int, format: str) -> Writer:
    """The writer for `plain`, `journal` or `auto`: the journal if that is where `fd` leads."""
    if format == "plain" or (format == "auto" and not leads_to_journal(fd)):
        return Writer(functools.partial(_write, fd, _plain), lambda: None)
    if not os.access(JOURNAL, os.W_OK):
        return Writer(functools.partial(_write, fd, _prefixed), lambda: None)
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    return Writer(functools.partial(_send, sender), sender.close)


def _plain(line: Line) -> str:
    """`2026-01-01T12:00:00Z INFO message`."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(line.created))
    return f"{when} {logging.getLevelName(line.level)} {line.text()}\n"


def _prefixed(line: Line) -> str:
    """sd-daemon(3): journald takes the priority from the start of every line, and adds the time."""
    prefix = f"<{_PRIORITY.get(line.level, 2)}>"
    return prefix + line.text().replace("\n", f"\n{prefix}") + "\n"


def _entry(line: Line) -> bytes:
    """One datagram of https://systemd.io/JOURNAL_NATIVE_PROTOCOL/; a traceback is part of it."""
    fields = {
        "MESSAGE": line.text(),
        "PRIORITY": _PRIORITY.get(line.level, 2),
        "SYSLOG_IDENTIFIER": "hawkeye-signaling",
        "LOGGER": line.logger,
        "CODE_FILE": line.path,
        "CODE_LINE": line.number,
        **{name: clean(str(value)) for name, value in line.fields.items()},
    }
    entry = bytearray()
    for name, value in fields.items():
        text = str(value).encode()
        if b"\n" in text:
            entry += name.encode() + b"\n" + struct.pack("<Q", len(text)) + text + b"\n"
        else:
            entry += name.encode() + b"=" + text + b"\n"
    return bytes(entry)


def _send(sender: socket.socket, lines: Sequence[Line]) -> int:
    """One datagram for each line.

    Not through python3-systemd: its sendv holds the interpreter's lock while journald stalls
    (235, Debian 12), and its JournalHandler adds the arguments, secrets and all, as CODE_ARGS.

    To the path each time, so that a journald with a new socket is found. `LONGEST` and `FRAMES`
    keep an entry below the size of a datagram.
    """
    written = 0
    for line in lines:
        with contextlib.suppress(OSError):
            sender.sendto(_entry(line), JOURNAL)
            written += 1
    return written


def _write(fd: int, spell: Callable[[Line], str], lines: Sequence[Line]) -> int:
    rest = "".join(map(spell, lines)).encode()
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:  # A program that shares the terminal or pipe made it non-blocking.
            select.select([], [fd], [])
    return len(lines)
