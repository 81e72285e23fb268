"""The way of a log line to its reader: levels, a reader that stalls, floods."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import List, Sequence

import pytest

from signaling_server.core.reporting.line_limiter import LIMIT
from signaling_server.logs import pipe as logs
from signaling_server.logs.journal import Line, Writer
from unit.conftest import without_time

FACT = {"HAWKEYE_EVENT": "signal"}
log = logging.getLogger("signaling_server.relay")
library = logging.getLogger("aiohttp.server")


# --- levels ---------------------------------------------------------------------------------------


def test_level_applies_to_this_package_and_libraries_stay_at_warning(setup, reader):
    pipe = setup("debug")
    log.debug("ours")
    library.info("theirs")
    library.warning("theirs, worse")
    pipe.set_level("error")
    log.warning("ours, too quiet")
    library.warning("theirs, too quiet")
    log.error("ours, loud")
    pipe.set_level("info")
    log.info("ours again")
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == [
        "DEBUG ours",
        "WARNING aiohttp.server: theirs, worse",
        "ERROR ours, loud",
        "INFO ours again",
    ]


def test_unknown_level_is_refused(setup):
    with pytest.raises(ValueError, match="LOUD"):
        setup().set_level("loud")


# --- a reader that stalls -------------------------------------------------------------------------


def test_loop_keeps_running_while_the_reader_stalls_and_the_loss_is_reported(setup, reader):
    pipe = setup()
    reader.stall()

    async def relay() -> None:
        for number in range(3 * logs.QUEUE):
            log.info("signal %d", number, extra=FACT)

    asyncio.run(asyncio.wait_for(relay(), 20))
    # A batch may be in the writer's hand.
    lost = pipe.dropped
    assert 2 * logs.QUEUE - logs.BATCH <= lost <= 2 * logs.QUEUE
    lines = reader.lines_until("log lines were lost")
    kept = 3 * logs.QUEUE - lost
    assert lines[-1].endswith(f" WARNING {lost} log lines were lost")
    assert lines[-2].endswith(f" INFO signal {kept - 1}")

    log.info("back", extra=FACT)
    assert without_time(reader.lines_until("back")[-1]) == "INFO back"
    assert pipe.dropped == lost


def test_close_waits_for_a_stalled_reader_for_a_bounded_time(setup, reader, monkeypatch):
    pipe = setup()
    monkeypatch.setattr(logs, "FLUSH", 0.1)
    reader.stall()
    log.info("waits forever", extra=FACT)
    started = time.monotonic()
    pipe.close()
    assert 0.1 <= time.monotonic() - started < 5
    pipe.close()
    log.info("too late", extra=FACT)
    assert pipe.dropped == 1


def test_process_with_a_stalled_reader_exits():
    code = """if True:
        import logging, os, sys
        from signaling_server.logs import pipe as logs
        os.set_blocking(2, False)
        try:
            while True:
                os.write(2, b"#" * 4096)
        except BlockingIOError:
            os.set_blocking(2, True)
        logs.setup("info")
        logging.getLogger("signaling_server").info("hello")
    """
    reading, writing = os.pipe()
    try:
        done = subprocess.run([sys.executable, "-c", code], stderr=writing, timeout=20)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0


class Written(List[str]):
    """The messages that a writer has written, each after `name`."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._name = name
        self.failing = 0
        """How many of the next writes fail."""
        self.writes = 0
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, lines: Sequence[Line]) -> int:
        self.may_write.wait(10)
        self.writes += 1
        if self.failing:
            self.failing -= 1
            raise OSError("no space left on device")
        self.extend(self._name + line.message for line in lines)
        return len(lines)

    def writer(self) -> Writer:
        return Writer(self.write, lambda: self.append(self._name + "done"))


def test_redirected_lines_go_to_the_new_writer_and_the_old_one_is_done() -> None:
    old, new = Written("old "), Written("new ")
    pipe = logs.LogPipe(old.writer())
    pipe.handle(logging.makeLogRecord({"msg": "one"}))
    pipe.redirect(new.writer())
    pipe.handle(logging.makeLogRecord({"msg": "two"}))
    pipe.close()
    assert (old, new) == (["old one", "old done"], ["new two", "new done"])


def test_lines_that_cannot_be_written_are_counted_and_reported_later() -> None:
    written = Written()
    written.failing = 2  # the line, and the attempt to report the loss
    pipe = logs.LogPipe(written.writer())
    pipe.handle(logging.makeLogRecord({"msg": "one"}))
    while written.failing:
        time.sleep(0.001)
    pipe.handle(logging.makeLogRecord({"msg": "two"}))
    pipe.close()
    assert pipe.dropped == 1
    assert written == ["two", "1 log lines were lost", "done"]


def test_lines_that_a_writer_leaves_out_are_lost() -> None:
    written: list[str] = []

    def write(lines: Sequence[Line]) -> int:
        written.extend(line.message for line in lines if line.message != "one")
        return sum(line.message != "one" for line in lines)

    pipe = logs.LogPipe(Writer(write, lambda: None))
    pipe.handle(logging.makeLogRecord({"msg": "one"}))
    pipe.handle(logging.makeLogRecord({"msg": "two"}))
    pipe.close()
    assert written == ["two", "1 log lines were lost"]


def test_burst_goes_out_in_few_writes() -> None:
    written = Written()
    written.may_write.clear()
    pipe = logs.LogPipe(written.writer())
    for number in range(3 * logs.BATCH):
        pipe.handle(logging.makeLogRecord({"msg": f"{number}", **FACT}))
    written.may_write.set()
    pipe.close()
    assert written == [*map(str, range(3 * logs.BATCH)), "done"]
    assert written.writes <= 4, "the first may have but one line"


def test_lines_gather_while_the_writer_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    resting, go_on = threading.Event(), threading.Event()

    def rest(seconds: float) -> None:
        rested.append(seconds)
        resting.set()
        go_on.wait(10)

    written = Written()
    pipe = logs.LogPipe(written.writer())
    monkeypatch.setattr(logs, "time", SimpleNamespace(monotonic=time.monotonic, sleep=rest))
    pipe.handle(logging.makeLogRecord({"msg": "one", **FACT}))
    assert resting.wait(10)
    for message in ("two", "three"):
        pipe.handle(logging.makeLogRecord({"msg": message, **FACT}))
    assert written == ["one"]
    go_on.set()
    pipe.close()
    assert (written, written.writes) == (["one", "two", "three", "done"], 2)
    assert set(rested) == {logs.PAUSE}


def test_exc_info_without_an_exception_says_so(setup, reader):
    pipe = setup()
    log.error("no exception here", exc_info=True)
    pipe.close()
    first, *trace = reader.rest()
    assert without_time(first) == "ERROR no exception here"
    assert trace == ["    NoneType: None"]


# --- floods ---------------------------------------------------------------------------------------


def test_repeated_complaint_is_summed_even_if_nothing_follows(setup, reader):
    setup()
    for number in range(LIMIT + 30):
        library.error("bad request %d", number)
    lines = reader.lines_until("more lines")
    assert len(lines) == LIMIT + 1
    assert without_time(lines[-1]).startswith(f"WARNING {__file__}:")
    assert lines[-1].endswith(": 30 more lines in the last second: 30 ERROR")


def test_sum_is_written_at_the_end(setup, reader):
    pipe = setup()
    for number in range(LIMIT + 3):
        library.error("bad request %d", number)
    pipe.close()
    assert reader.rest()[-1].endswith(": 3 more lines in the last second: 3 ERROR")


def test_facts_are_not_summed_here(setup, reader):
    pipe = setup()
    for number in range(3 * LIMIT):
        log.info("signal %d", number, extra=FACT)
    pipe.close()
    assert len(reader.rest()) == 3 * LIMIT


def test_huge_text_is_cut(setup, reader):
    pipe = setup()
    log.info("%s", "x" * 1_000_000, extra=FACT)
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line) == "INFO " + "x" * logs.LONGEST + "..."


def test_record_that_cannot_be_formatted_is_named(setup, reader):
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError("not today")

    pipe = setup()
    record = logging.makeLogRecord({"msg": Rude(), "pathname": "rude.py", "lineno": 7})
    pipe.handle(record)
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line).startswith("WARNING a line of rude.py:7 cannot be logged: Runtime")
