from __future__ import annotations

import pytest

from signaling_server.core.insight import backlog as backlog_module
from signaling_server.core.insight.backlog import READING, ROOM_PENDING, Backlog
from signaling_server.core.protocol.events import SignalAccepted
from signaling_server.core.protocol.messages import Signal


class Reader:
    """A backlog, and what was read of it: (room, number of the signal, when it passed)."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, float]] = []
        self.backlog = Backlog(self._read)

    def _read(self, fact: SignalAccepted, at: float) -> None:
        self.found.append((fact.room, fact.signal.body, at))

    def add(self, *numbers: int, room: str = "one", size: int = 100, now: float = 100.0) -> None:
        for number in numbers:
            signal = Signal("offer", None, size, str(number))
            self.backlog.add(SignalAccepted("sid", "node", room, signal, 1, 0), now)

    def read(self) -> list[str]:
        """The numbers of all that is read until nothing is pending."""
        while self.backlog.pending:
            self.backlog.digest(1e6)
        return [number for _, number, _ in self.found]


def test_signal_is_read_later_with_the_time_at_which_it_passed() -> None:
    reader = Reader()
    assert not reader.backlog.pending
    reader.add(1, now=100.0)
    reader.add(2, now=101.0)
    assert (reader.backlog.pending, reader.found) == (True, [])
    assert not reader.backlog.digest(102.0), "there is nothing left"
    assert reader.found == [("one", "1", 100.0), ("one", "2", 101.0)]


def test_one_digest_reads_so_much_and_each_room_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "DIGEST_BYTES", 3 * READING)
    reader = Reader()
    reader.add(1, 2, 3, 4)
    reader.add(5, room="other")
    assert reader.backlog.digest(100.0), "there is more"
    assert [(room, number) for room, number, _ in reader.found] == [
        ("one", "1"),
        ("other", "5"),
        ("one", "2"),
    ]
    assert reader.read() == ["1", "5", "2", "3", "4"]


def test_flood_is_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "READ_BURST", 3)
    reader = Reader()
    reader.add(*range(100))
    counts = []
    for now in (100.0, 100.0, 100.05):
        assert not reader.backlog.digest(now), "it waits for its pace, not for others"
        counts.append(len(reader.found))
    assert counts == [3, 3, 5]


def test_only_so_much_of_a_room_waits() -> None:
    reader = Reader()
    reader.add(*range(ROOM_PENDING + 7))
    reader.add(1000, room="other")
    assert len(reader.read()) == ROOM_PENDING + 1


def test_all_that_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "PENDING_BYTES", 2000)
    reader = Reader()
    for room in ("one", "other"):
        reader.add(1, 2, room=room, size=667)
    assert len(reader.read()) == 2
    reader.add(3, size=2000)
    assert len(reader.read()) == 3, "what was read takes no room"


def test_catching_up_reads_all_of_one_room() -> None:
    reader = Reader()
    reader.add(1, 2)
    reader.add(3, room="other")
    reader.backlog.catch_up("one")
    assert [number for _, number, _ in reader.found] == ["1", "2"]
    reader.backlog.catch_up("one")
    reader.backlog.catch_up("other")
    assert not reader.backlog.pending
    assert len(reader.found) == 3
