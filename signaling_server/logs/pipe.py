"""The way of a log line from the event loop to the terminal or the journal.

Goal: a terminal or a journald that stalls never stalls the event loop, and no line is lost without
a word. Plan: whoever logs puts the line into a bounded queue; one thread writes what is there
(journal.py says how), then rests for PAUSE. Each write of a thread costs the loop the interpreter's
lock twice, so a burst goes out in few writes. When the queue is full, lines are dropped and counted
until all that waits is written; then a line in their place says how many there were. Worst case:
QUEUE lines of LONGEST characters, each with FRAMES lines of traceback.

Everybody logs through `logging.getLogger(__name__)`. A record with the field `HAWKEYE_EVENT` states
a fact of the relay, and fact_log.py has limited its lines already. All others, the complaints of
libraries among them, are limited here: by the line of code that logs them.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Sequence, TextIO

from signaling_server.core.reporting.line_limiter import LineLimiter
from signaling_server.logs.journal import PACKAGE, Line, Writer, writer_for

QUEUE = 4096
"""Lines that may wait for the writer; further ones are dropped and counted."""

BATCH = 64
"""Lines in one write."""

PAUSE = 0.02
"""Seconds that the writer rests after each write, so that the lines of a burst gather."""

LONGEST = 2000
"""Characters of a message or a field. This and `FRAMES` bound the memory of a full queue."""

FRAMES = 64
"""Lines of a traceback that are kept: the last ones, each cut at 256 characters."""

FLUSH = 1.0
"""Seconds that `close` gives a reader that stalls."""

_GAP = Line(message="lines were dropped here")
_END = Line(message="no line comes after this")
"""Marks in the queue, known by identity; they are never written."""


def setup(level: str, format: str = "auto", stream: TextIO | None = None) -> LogPipe:
    """Send all logging to `stream` (stderr) or to the journal. You must `close` it at the end.

    `format` is `plain`, `journal` or `auto`: the journal if that is where the stream leads.
    """
    # Nobody reads the thread and task names, and finding them costs time on the loop.
    for costly in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, costly, False)
    fd = (stream or sys.stderr).fileno()
    pipe = LogPipe(writer_for(fd, format))
    pipe.set_level(level)
    logging.getLogger().addHandler(pipe)
    return pipe


class LogPipe(logging.Handler):
    """The handler of all logging: a bounded queue, one thread, `writer`."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._queue: queue.SimpleQueue[Line | Writer] = queue.SimpleQueue()
        self._repeats = LineLimiter()
        self._overflowed = 0  # counted by the threads that log, under the handler's lock
        self._failed = 0  # counted by the thread that writes
        self._reported = 0
        self._gap = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost since the start: the queue was full, or writing failed."""
        return self._overflowed + self._failed

    def set_level(self, level: str) -> None:
        """`debug`, `info`, `warning` or `error`. Libraries stay at warning or above."""
        logging.getLogger(PACKAGE).setLevel(level.upper())
        logging.getLogger().setLevel(max(logging.getLogger(PACKAGE).level, logging.WARNING))

    def redirect(self, writer: Writer) -> None:
        """Write all lines that are logged from now on with another writer."""
        self._queue.put(writer)

    def close(self) -> None:
        """Write what waits, for at most `FLUSH` seconds. Lines that come later are dropped."""
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
        except Exception as error:  # Whatever a library logs must not hurt its caller.
            place = f"{record.pathname}:{record.lineno}"
            line = _own_line(f"a line of {place} cannot be logged: {error!r}")
        self._queue.put(line)

    def _run(self) -> None:
        taken: list[Line | Writer] = []
        while _END not in taken:
            taken = self._take()
            self._process(taken, time.monotonic())
            if _END not in taken:
                time.sleep(PAUSE)
        self._writer.done()

    def _take(self) -> list[Line | Writer]:
        """A batch of what waits; nothing, if a sum is due before anything comes."""
        deadline = self._repeats.next_deadline()
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        taken: list[Line | Writer] = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=wait))
            while len(taken) < BATCH:
                taken.append(self._queue.get_nowait())
        return taken

    def _process(self, taken: Sequence[Line | Writer], now: float) -> None:
        lines: list[Line] = []
        for one in taken:
            if isinstance(one, Writer):
                self._write(lines)
                lines = []
                self._writer.done()
                self._writer = one
            elif one is _GAP:
                self._gap = False
            elif one is _END:
                now = self._repeats.next_deadline() or now
            elif self._admit(one, now):
                lines.append(one)
        self._write(lines)
        self._written(
            [_own_line(f"{sum.key}: {sum.text('lines')}") for sum in self._repeats.due(now)]
        )
        lost = self.dropped - self._reported
        if lost and not self._gap and self._written([_own_line(f"{lost} log lines were lost")]):
            self._reported += lost

    def _admit(self, line: Line, now: float) -> bool:
        return "HAWKEYE_EVENT" in line.fields or self._repeats.admit(
            f"{line.path}:{line.number}", logging.getLevelName(line.level), now
        )

    def _write(self, lines: Sequence[Line]) -> None:
        """Write lines, and count those that cannot be written."""
        self._failed += len(lines) - self._written(lines)

    def _written(self, lines: Sequence[Line]) -> int:
        """Write lines; returns how many are written."""
        try:
            return self._writer.write(lines) if lines else 0
        except Exception:  # There is no log to complain to now: the loss is counted.
            return 0


def _line(record: logging.LogRecord) -> Line:
    traceback = ""
    if record.exc_info:
        traceback = logging.Formatter().formatException(record.exc_info)
    return Line(
        created=record.created,
        level=record.levelno,
        logger=record.name,
        path=record.pathname,
        number=record.lineno,
        message=_cut(record.getMessage()),
        traceback=tuple(line[:256] for line in traceback.split("\n")[-FRAMES:] if traceback),
        fields={
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
    return Line(created=time.time(), level=logging.WARNING, path=__file__, message=text)
