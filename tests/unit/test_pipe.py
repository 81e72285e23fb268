"""The way of a log line to its reader: levels, a reader that stalls, floods."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time

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
    # One line may be in the writer's hand.
    lost = pipe.dropped
    assert 2 * logs.QUEUE - 1 <= lost <= 2 * logs.QUEUE
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


def test_redirected_lines_go_to_the_new_writer_and_the_old_one_is_done() -> None:
    written: list[tuple[str, str]] = []
    pipe = logs.LogPipe(
        lambda line: written.append(("old", line.message)), lambda: written.append(("old", "done"))
    )
    pipe.handle(logging.makeLogRecord({"msg": "one"}))
    pipe.redirect(
        Writer(
            lambda line: written.append(("new", line.message)),
            lambda: written.append(("new", "done")),
        )
    )
    pipe.handle(logging.makeLogRecord({"msg": "two"}))
    pipe.close()
    assert written == [("old", "one"), ("old", "done"), ("new", "two"), ("new", "done")]


def test_lines_that_cannot_be_written_are_counted_and_reported_later():
    written = []
    closed = threading.Event()
    # Two lines, and after each the attempt to report the loss.
    outcomes = [OSError("no space left on device")] * 4

    def write(line: Line) -> None:
        if outcomes:
            raise outcomes.pop()
        written.append(line.message)

    pipe = logs.LogPipe(write, closed.set)
    for message in ("one", "two", "three"):
        pipe.handle(logging.makeLogRecord({"msg": message}))
    pipe.close()
    assert pipe.dropped == 2
    assert closed.is_set()
    assert written == ["three", "2 log lines were lost"]


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
