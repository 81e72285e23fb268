"""How a line looks in a terminal and in the journal, and which of the two gets it."""

from __future__ import annotations

import logging
import os
import select
import socket
import struct

import pytest

from signaling_server.logs import journal as journal_module
from unit.conftest import without_time

FACT = {"HAWKEYE_EVENT": "signal"}
log = logging.getLogger("signaling_server.relay")
library = logging.getLogger("aiohttp.server")


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


# --- a terminal, a file, a pipe -------------------------------------------------------------------


def test_line_is_time_level_and_message(setup, reader):
    pipe = setup()
    log.info("%s joined room %s", "gcom", "drone-1", extra=FACT)
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == ["INFO gcom joined room drone-1"]


def test_time_is_that_of_the_record_in_utc(setup, reader):
    pipe = setup()
    record = logging.makeLogRecord({"name": "signaling_server", "msg": "x", "levelno": 20})
    record.created = 1767268800.9
    log.handle(record)
    pipe.close()
    assert reader.rest() == ["2026-01-01T12:00:00Z INFO x"]


def test_library_is_named(setup, reader):
    pipe = setup()
    library.error("Error handling request")
    pipe.close()
    (line,) = reader.rest()
    assert without_time(line) == "ERROR aiohttp.server: Error handling request"


def test_traceback_follows_its_line_indented(setup, reader):
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


def test_writer_waits_for_a_full_pipe_that_does_not_block(setup, reader, monkeypatch):
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


# --- the journal ----------------------------------------------------------------------------------


def test_journal_is_known_by_device_and_inode(setup, reader, journal, monkeypatch):
    status = os.fstat(reader.stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    setup()
    log.warning("to the journal")
    assert fields_of(journal.recv(65536))["MESSAGE"] == "to the journal"


@pytest.mark.parametrize("change", ["other inode", "other device"])
def test_stream_that_was_redirected_is_not_the_journal(setup, reader, monkeypatch, change):
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


def test_socket_may_be_the_journal_stream(monkeypatch):
    left, right = socket.socketpair()
    with left, right:
        status = os.fstat(left.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert journal_module.leads_to_journal(left.fileno())
        assert not journal_module.leads_to_journal(right.fileno())


def test_plain_stays_plain_in_the_journal(setup, reader, monkeypatch):
    status = os.fstat(reader.stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    pipe = setup(format="plain")
    log.warning("plain")
    pipe.close()
    assert [without_time(line) for line in reader.rest()] == ["WARNING plain"]


def test_entry_carries_fields_and_no_none(setup, journal):
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


def test_traceback_is_one_entry(setup, journal):
    setup(format="journal")
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("relay failed")
    message = fields_of(journal.recv(65536))["MESSAGE"].split("\n")
    assert message[0] == "relay failed"
    assert message[-1] == "    ValueError: bad"


def test_longest_entry_fits_a_datagram(setup, journal):
    pipe = setup(format="journal")
    wide = "\U0001f681" * 10_000
    try:
        raise ValueError("\n".join([wide] * 1000))
    except ValueError:
        log.exception("%s", wide, extra={f"HAWKEYE_{n}": wide for n in range(10)})
    assert fields_of(journal.recv(1 << 20))["MESSAGE"].startswith("\U0001f681")
    assert pipe.dropped == 0


def test_restarted_journald_is_found(setup, journal):
    pipe = setup(format="journal")
    log.warning("one")
    journal.recv(65536)
    os.unlink(journal_module.JOURNAL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as restarted:
        restarted.bind(journal_module.JOURNAL)
        restarted.settimeout(20)
        log.warning("two")
        assert fields_of(restarted.recv(65536))["MESSAGE"] == "two"
    assert pipe.dropped == 0


def test_without_a_journal_socket_every_line_has_its_priority(setup, reader, monkeypatch):
    monkeypatch.setattr(journal_module, "JOURNAL", "/nowhere/socket")
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


def test_secret_is_masked_in_message_traceback_and_fields(setup, journal):
    setup(format="journal")
    try:
        raise ValueError("hs_ab_S3cret")
    except ValueError:
        log.exception("%s", "hs_ab_S3cret", extra={"HAWKEYE_PEER": "hs_ab_S3cret"})
    entry = journal.recv(65536)
    # The message, the exception, the line of source that raised it, the field.
    assert entry.count(b"hs_ab_***") == 4
    assert b"S3cret" not in entry
