"""Log lines, written by a thread of their own: a terminal or a journald that stalls never stalls
the event loop.

Everybody logs through `logging.getLogger(__name__)`. A record with the field `HAWKEYE_EVENT` states
a fact of the relay, and the code that logs it limits its lines (core/reporting/line_limiter.py);
all others, the complaints of libraries among them, are limited here by the line of code that makes
them.

Whatever a client may have put into a line passes `clean`: it cannot end a line, fake one or colour
a terminal, and what looks like a secret is masked. That is the second line of defence; the first
is not to log bodies and tokens.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import select
import socket
import struct
import sys
import threading
import time
from typing import Any, Callable, NamedTuple, TextIO

from signaling_server.core.reporting.line_limiter import LineLimiter

QUEUE = 4096
"""Lines that wait for the writer; what comes on top is dropped and counted."""

LONGEST = 2000
"""Characters of a message or a field. This and `FRAMES` bound the memory of a full queue."""

FRAMES = 64
"""Lines of a traceback, its last ones, each cut at 256 characters."""

FLUSH = 1.0
"""Seconds that `close` gives a reader that stalls."""

JOURNAL = "/run/systemd/journal/socket"

PACKAGE = "signaling_server"

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""The priorities of syslog (RFC 5424, 6.2.1); CRITICAL is 2."""

_SECRET = re.compile(
    r"""(?ix)
    ( (?: (?<![a-z0-9]) | (?<=%[0-9a-f]{2}) ) hs_[a-z0-9.-]+_     # a token of ours
    | ice-pwd: | \bbearer\ +
    | (?:token|password|secret|credential|session) (?:=|%3d)      # in a URL
    ) [^\s"'\\&,;<>]+
    | ( (?P<q>\\?["']) (?:token|password|secret|credential|session) (?P=q) \s*:\s*
        (?P<v>\\?["']) ) (?: (?!(?P=v)) (?:\\.|[^\\]) )*          # in JSON and in a repr
    """
)


def clean(text: str) -> str:
    """One printable line without secrets; newlines, escapes and the like as Python writes them."""
    text = _SECRET.sub(lambda found: f"{found[1] or found[2]}***", text)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class Line(NamedTuple):
    """What is kept of a record: nothing that holds on to a frame or to a client's message."""

    created: float
    level: int
    logger: str
    path: str
    number: int
    message: str
    traceback: tuple[str, ...]
    fields: dict[str, Any]

    def text(self) -> str:
        """The message, then the traceback, indented so that nothing in it passes for a line."""
        ours = self.logger.partition(".")[0] == PACKAGE
        message = self.message if ours else f"{self.logger}: {self.message}"
        return "\n    ".join(map(clean, (message, *self.traceback)))


_GAP = Line(0, 0, "", "", 0, "", (), {})
_END = Line(0, 0, "", "", 0, "", (), {})


def setup(level: str, format: str = "auto", stream: TextIO | None = None) -> LogPipe:
    """Send all logging to `stream` (stderr) or to the journal. Whoever calls it calls `close` last.

    `format` is `plain`, `journal` or `auto`: the journal if that is where the stream leads.
    """
    # Which thread and task said it nobody reads, and finding out costs time on the loop.
    for costly in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, costly, False)
    fd = (stream or sys.stderr).fileno()
    pipe = LogPipe(*writer_for(fd, format))
    pipe.set_level(level)
    logging.getLogger().addHandler(pipe)
    return pipe


class Writer(NamedTuple):
    """How a line is written, and what to call after the last one."""

    write: Callable[[Line], None]
    done: Callable[[], None]


class LogPipe(logging.Handler):
    """The way of a record: a bounded queue, one thread, `write`; `done` after the last one.

    When the queue is full, lines are dropped until all that waits is written; then a line in their
    place says how many there were.
    """

    def __init__(self, write: Callable[[Line], None], done: Callable[[], None]) -> None:
        super().__init__()
        self._writer = Writer(write, done)
        self._queue: queue.SimpleQueue[Line | Writer] = queue.SimpleQueue()
        self._repeats = LineLimiter()
        self._overflowed = 0  # counted by those who log, under the handler's lock
        self._failed = 0  # counted by the writer
        self._told = 0
        self._gap = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost since the start, for want of room or because writing failed."""
        return self._overflowed + self._failed

    def set_level(self, level: str) -> None:
        """`debug`, `info`, `warning` or `error`. Libraries stay at warning or above."""
        logging.getLogger(PACKAGE).setLevel(level.upper())
        logging.getLogger().setLevel(max(logging.getLogger(PACKAGE).level, logging.WARNING))

    def redirect(self, writer: Writer) -> None:
        """Write the lines that are logged from now on in another way."""
        self._queue.put(writer)

    def close(self) -> None:
        """Write what waits, for `FLUSH` seconds at most. Lines that come later are dropped."""
        if not self._closed:
            self._closed = True
            self._queue.put(_END)
            self._thread.join(FLUSH)
            super().close()

    def emit(self, record: logging.LogRecord) -> None:
        if self._gap or self._closed or self._queue.qsize() >= QUEUE:
            if not self._gap:
                self._gap = True
                self._queue.put(_GAP)
            self._overflowed += 1
            return
        try:
            line = _line(record)
        except Exception as error:  # Whatever a library logs: it must not hurt who logs it.
            place = f"{record.pathname}:{record.lineno}"
            line = _own_line(f"a line of {place} cannot be logged: {error!r}")
        self._queue.put(line)

    def _run(self) -> None:
        line: Line | Writer | None = None
        while line is not _END:
            deadline = self._repeats.next_deadline()
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                line = self._queue.get(timeout=wait)
            except queue.Empty:
                line = None
            self._take(line, time.monotonic())
        self._writer.done()

    def _take(self, line: Line | Writer | None, now: float) -> None:
        if isinstance(line, Writer):
            self._writer.done()
            self._writer = line
        elif line is _GAP:
            self._gap = False
        elif line is _END:
            now = self._repeats.next_deadline() or now
        elif line is not None and self._admit(line, now) and not self._written(line):
            self._failed += 1
        for summary in self._repeats.due(now):
            self._written(_own_line(f"{summary.key}: {summary.text('lines')}"))
        lost = self.dropped - self._told
        if lost and not self._gap and self._written(_own_line(f"{lost} log lines were lost")):
            self._told += lost

    def _admit(self, line: Line, now: float) -> bool:
        return "HAWKEYE_EVENT" in line.fields or self._repeats.admit(
            f"{line.path}:{line.number}", logging.getLevelName(line.level), now
        )

    def _written(self, line: Line) -> bool:
        try:
            self._writer.write(line)
        except Exception:  # The log is gone for the moment, so there is nowhere to say it: counted.
            return False
        return True


def _line(record: logging.LogRecord) -> Line:
    traceback = ""
    if record.exc_info:
        traceback = logging.Formatter().formatException(record.exc_info)
    return Line(
        record.created,
        record.levelno,
        record.name,
        record.pathname,
        record.lineno,
        _cut(record.getMessage()),
        tuple(line[:256] for line in traceback.split("\n")[-FRAMES:]) if traceback else (),
        {
            name: _cut(value)
            for name, value in record.__dict__.items()
            if name.startswith("HAWKEYE_") and value is not None
        },
    )


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "..."
    return value


def _own_line(text: str) -> Line:
    return Line(time.time(), logging.WARNING, PACKAGE, __file__, 0, text, (), {})


def leads_to_journal(fd: int) -> bool:
    """systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream, if journald reads it."""
    status = os.fstat(fd)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def writer_for(fd: int, format: str) -> Writer:
    """The writer for `plain`, `journal` or `auto`: the journal if that is where `fd` leads."""
    if format == "plain" or (format == "auto" and not leads_to_journal(fd)):
        return Writer(lambda line: _write(fd, _plain(line)), lambda: None)
    if not os.access(JOURNAL, os.W_OK):
        return Writer(lambda line: _write(fd, _prefixed(line)), lambda: None)
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    return Writer(lambda line: _send(sender, _entry(line)), sender.close)


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


def _send(sender: socket.socket, entry: bytes) -> None:
    """Not through python3-systemd: its sendv holds the interpreter's lock while journald stalls
    (235, Debian 12), and its JournalHandler adds the arguments, secrets and all, as CODE_ARGS.

    To the path each time, so that a journald with a new socket is found. `LONGEST` and `FRAMES`
    keep an entry below the size of a datagram.
    """
    sender.sendto(entry, JOURNAL)


def _write(fd: int, text: str) -> None:
    rest = text.encode()
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:  # Whoever shares the terminal or the pipe made it non-blocking.
            select.select([], [fd], [])
