from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from signaling_server.core.reporting.line_limiter import LIMIT
from signaling_server.logs import pipe as logs

FACT = {"HAWKEYE_EVENT": "signal"}
log = logging.getLogger("signaling_server.relay")
library = logging.getLogger("aiohttp.server")


class Reader:
    """Somebody at the other end of a log that goes into a pipe."""

    def __init__(self) -> None:
        self.fd, writing = os.pipe()
        self.stream = os.fdopen(writing, "w")

    def lines_until(self, last: str) -> list[str]:
        """All lines until one with `last` in it; hangs, and so fails, if it never comes."""
        text = ""
        while not (text.endswith("\n") and last in text):
            text += os.read(self.fd, 65536).decode()
        return text.splitlines()

    def rest(self) -> list[str]:
        """All lines until the writer is through."""
        self.stream.close()
        with os.fdopen(self.fd) as reading:
            self.fd = -1
            return reading.read().splitlines()

    def stall(self) -> None:
        """Fill the pipe, so that the next write to it waits until somebody reads."""
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.stream.fileno(), b"#" * 4096)
        os.set_blocking(self.stream.fileno(), True)

    def go_away(self) -> None:
        os.close(self.fd)
        self.fd = -1


@pytest.fixture
def reader():
    reader = Reader()
    yield reader
    if reader.fd >= 0:
        reader.go_away()
    if not reader.stream.closed:
        reader.stream.close()


@pytest.fixture
def setup(monkeypatch, reader):
    """logs.setup into the reader; all of it undone afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("signaling_server")
    levels = root.level, ours.level
    for switch in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        monkeypatch.setattr(logging, switch, True, raising=False)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setattr(logs, "FLUSH", 20.0)
    pipes = []

    def setup(level: str = "info", format: str = "auto") -> logs.LogPipe:
        pipes.append(logs.setup(level, format, reader.stream))
        return pipes[-1]

    yield setup
    if reader.fd >= 0:
        reader.go_away()  # A writer that is stuck gets an error, and ends.
    for pipe in pipes:
        pipe.close()
        pipe._thread.join(20)
        assert not pipe._thread.is_alive()
        root.removeHandler(pipe)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def journal(monkeypatch, tmp_path):
    """A socket that listens like journald."""
    path = str(tmp_path / "journal")
    monkeypatch.setattr(logs, "JOURNAL", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        yield listener


def without_time(line: str) -> str:
    stamp, _, rest = line.partition(" ")
    time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")
    return rest


def fields_of(entry: bytes) -> dict[str, str]:
    """What journald reads in a datagram: NAME=value, or NAME, a length and the value."""
    fields = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", entry)
            value, entry = entry[8 : 8 + size], entry[8 + size + 1 :]
        fields[name.decode()] = value.decode()
    return fields


# Formats


def test_a_line_is_time_level_and_message(setup, reader):
    pipe = setup()
    log.info("%s joined room %s", "gcom", "drone-1", extra=FACT)
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == ["INFO gcom joined room drone-1"]


def test_the_time_is_that_of_the_record_in_utc(setup, reader):
    pipe = setup()
    record = logging.makeLogRecord({"name": "signaling_server", "msg": "x", "levelno": 20})
    record.created = 1767268800.9
    log.handle(record)
    pipe.close()
    assert reader.rest() == ["2026-01-01T12:00:00Z INFO x"]


def test_a_library_is_named(setup, reader):
    pipe = setup()
    library.error("Error handling request")
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line) == "ERROR aiohttp.server: Error handling request"


def test_a_traceback_follows_its_line_indented(setup, reader):
    pipe = setup()
    try:
        raise ValueError("bad\n2026-01-01T12:00:00Z INFO faked\x1b[2J")
    except ValueError:
        log.exception("relay failed")
    pipe.close()
    first, *trace = reader.rest()
    assert without_time(first) == "ERROR relay failed"
    assert trace[0] == "    Traceback (most recent call last):"
    assert trace[-2] == "    ValueError: bad"
    assert trace[-1] == "    2026-01-01T12:00:00Z INFO faked\\x1b[2J"
    assert all(line.startswith("    ") for line in trace)


def test_exc_info_without_an_exception_says_so(setup, reader):
    pipe = setup()
    log.error("no exception here", exc_info=True)
    pipe.close()
    first, *trace = reader.rest()
    assert without_time(first) == "ERROR no exception here"
    assert trace == ["    NoneType: None"]


# Where it goes


def test_the_journal_is_known_by_device_and_inode(setup, reader, journal, monkeypatch):
    status = os.fstat(reader.stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    setup()
    log.warning("to the journal")
    assert fields_of(journal.recv(65536))["MESSAGE"] == "to the journal"


@pytest.mark.parametrize("change", ["other inode", "other device"])
def test_a_stream_that_was_redirected_is_not_the_journal(setup, reader, monkeypatch, change):
    left, right = socket.socketpair()
    with left, right:
        ours, theirs = os.fstat(reader.stream.fileno()), os.fstat(left.fileno())
        inode = theirs.st_ino if change == "other inode" else ours.st_ino
        device = ours.st_dev + 1 if change == "other device" else ours.st_dev
        monkeypatch.setenv("JOURNAL_STREAM", f"{device}:{inode}")
        pipe = setup()
    log.warning("to the pipe")
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == ["WARNING to the pipe"]


def test_a_socket_may_be_the_journal_stream(monkeypatch):
    left, right = socket.socketpair()
    with left, right:
        status = os.fstat(left.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert logs.leads_to_journal(left.fileno())
        assert not logs.leads_to_journal(right.fileno())


def test_plain_stays_plain_in_the_journal(setup, reader, monkeypatch):
    status = os.fstat(reader.stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    pipe = setup(format="plain")
    log.warning("plain")
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == ["WARNING plain"]


def test_an_entry_carries_fields_and_no_none(setup, journal):
    setup(format="journal")
    log.info(
        "%s sent an offer",
        "node",
        extra={
            "HAWKEYE_EVENT": "signal",
            "HAWKEYE_BYTES": 3000,
            "HAWKEYE_TO": None,
            "HAWKEYE_PEER": "a\nPRIORITY=0",
        },
    )
    fields = fields_of(journal.recv(65536))
    assert int(fields.pop("CODE_LINE")) > 0
    assert fields == {
        "MESSAGE": "node sent an offer",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "hawkeye-signaling",
        "LOGGER": "signaling_server.relay",
        "CODE_FILE": __file__,
        "HAWKEYE_EVENT": "signal",
        "HAWKEYE_BYTES": "3000",
        "HAWKEYE_PEER": "a\\nPRIORITY=0",
    }


def test_a_traceback_is_one_entry(setup, journal):
    setup(format="journal")
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("relay failed")
    message = fields_of(journal.recv(65536))["MESSAGE"].split("\n")
    assert message[0] == "relay failed"
    assert message[-1] == "    ValueError: bad"


def test_the_longest_entry_fits_a_datagram(setup, journal):
    pipe = setup(format="journal")
    wide = "\U0001f681" * 10_000
    try:
        raise ValueError("\n".join([wide] * 1000))
    except ValueError:
        log.exception("%s", wide, extra={f"HAWKEYE_{n}": wide for n in range(10)})
    assert fields_of(journal.recv(1 << 20))["MESSAGE"].startswith("\U0001f681")
    assert pipe.dropped == 0


def test_a_restarted_journald_is_found(setup, journal):
    pipe = setup(format="journal")
    log.warning("one")
    journal.recv(65536)
    os.unlink(logs.JOURNAL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as restarted:
        restarted.bind(logs.JOURNAL)
        restarted.settimeout(20)
        log.warning("two")
        assert fields_of(restarted.recv(65536))["MESSAGE"] == "two"
    assert pipe.dropped == 0


def test_without_a_journal_socket_every_line_has_its_priority(setup, reader, monkeypatch):
    monkeypatch.setattr(logs, "JOURNAL", "/nowhere/socket")
    pipe = setup("debug", "journal")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL):
        log.log(level, "<0>x")
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("relay failed")
    pipe.close()
    lines = reader.rest()
    assert lines[:4] == ["<7><0>x", "<6><0>x", "<4><0>x", "<2><0>x"]
    assert lines[4] == "<3>relay failed"
    assert lines[-1] == "<3>    ValueError: bad"
    assert all(line.startswith("<3>    ") for line in lines[5:])


# Levels


def test_the_level_is_ours_and_libraries_stay_at_warning(setup, reader):
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


def test_an_unknown_level_is_refused(setup):
    with pytest.raises(ValueError, match="LOUD"):
        setup().set_level("loud")


# A reader that stalls


def test_the_loop_goes_on_while_the_reader_stalls_and_the_loss_is_told(setup, reader):
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


def test_close_gives_a_stalled_reader_its_time_and_no_more(setup, reader, monkeypatch):
    pipe = setup()
    monkeypatch.setattr(logs, "FLUSH", 0.1)
    reader.stall()
    log.info("waits for ever", extra=FACT)
    started = time.monotonic()
    pipe.close()
    assert 0.1 <= time.monotonic() - started < 5
    pipe.close()
    log.info("too late", extra=FACT)
    assert pipe.dropped == 1


def test_a_process_with_a_stalled_reader_exits():
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


def test_a_full_pipe_that_does_not_block_is_waited_for(setup, reader, monkeypatch):
    wait = select.select

    def read_and_wait(*streams):
        os.read(reader.fd, 65536)
        return wait(*streams)

    pipe = setup()
    reader.stall()
    os.set_blocking(reader.stream.fileno(), False)
    monkeypatch.setattr(select, "select", read_and_wait)
    log.info("patience", extra=FACT)
    pipe.close()
    assert without_time(reader.rest()[-1].lstrip("#")) == "INFO patience"
    assert pipe.dropped == 0


def test_what_cannot_be_written_is_counted_and_told_once_it_can():
    written = []
    closed = threading.Event()
    # Two lines, and after each the try to tell of the loss.
    outcomes = [OSError("no space left on device")] * 4

    def write(line: logs.Line) -> None:
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


# Floods


def test_a_complaint_that_repeats_is_summed_even_if_nothing_follows(setup, reader):
    setup()
    for number in range(LIMIT + 30):
        library.error("bad request %d", number)
    lines = reader.lines_until("more lines")
    assert len(lines) == LIMIT + 1
    assert without_time(lines[-1]).startswith(f"WARNING {__file__}:")
    assert lines[-1].endswith(": 30 more lines in the last second: 30 ERROR")


def test_what_is_summed_at_the_end_is_told(setup, reader):
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


# What a client may have written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gcom\n2026-01-01T12:00:00Z INFO faked", "gcom\\n2026-01-01T12:00:00Z INFO faked"),
        ("\r\x1b[2J\x00\x7f", "\\r\\x1b[2J\\x00\\x7f"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u2028\u202eevil", "\\u2028\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("Grüße, Drohne \U0001f681", "Grüße, Drohne \U0001f681"),
    ],
)
def test_control_characters_are_written_out(text, told):
    assert logs.clean(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("got hs_ab12_S3cr-et_x.", "got hs_ab12_***"),
        ("(hs_a.b-1_S3cret)", "(hs_a.b-1_***"),
        ("?next=%3Dhs_ab_S3cret&x=1", "?next=%3Dhs_ab_***&x=1"),
        ("GET /?room=a&token=S3cret&name=b HTTP/1.1", "GET /?room=a&token=***&name=b HTTP/1.1"),
        ("?TOKEN%3DS3cret", "?TOKEN%3D***"),
        ("a=ice-pwd:S3cret+/\r\na=mid:0", "a=ice-pwd:***\\r\\na=mid:0"),
        (r"a=ice-pwd:S3cret\r\na=mid:0", r"a=ice-pwd:***\r\na=mid:0"),
        ('{"credential": "S3\\"cret", "urls": []}', '{"credential": "***", "urls": []}'),
        (r'"{\"token\":\"S3cret\",\"room\":1}"', r'"{\"token\":\"***\",\"room\":1}"'),
        ("{'session': \"S3'cret\", 'n': 1}", "{'session': \"***\", 'n': 1}"),
        ("Authorization: Bearer S3cret", "Authorization: Bearer ***"),
        ("{'token': None} paths_to_file", "{'token': None} paths_to_file"),
    ],
)
def test_secrets_are_masked(text, told):
    assert logs.clean(text) == told


def test_a_secret_is_masked_in_message_traceback_and_fields(setup, journal):
    setup(format="journal")
    try:
        raise ValueError("hs_ab_S3cret")
    except ValueError:
        log.exception("%s", "hs_ab_S3cret", extra={"HAWKEYE_PEER": "hs_ab_S3cret"})
    entry = journal.recv(65536)
    # The message, the exception, the line of source that raised it, the field.
    assert entry.count(b"hs_ab_***") == 4
    assert b"S3cret" not in entry


def test_a_huge_text_is_cut(setup, reader):
    pipe = setup()
    log.info("%s", "x" * 1_000_000, extra=FACT)
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line) == "INFO " + "x" * logs.LONGEST + "..."


def test_a_record_that_cannot_be_told_is_named(setup, reader):
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError("not today")

    pipe = setup()
    record = logging.makeLogRecord({"msg": Rude(), "pathname": "rude.py", "lineno": 7})
    pipe.handle(record)
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line).startswith("WARNING a line of rude.py:7 cannot be logged: Runtime")
