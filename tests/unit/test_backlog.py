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

    def act(self, name: str, *, room: str = "one", now: float = 100.0) -> None:
        self.backlog.after(room, lambda: self.found.append((room, name, now)), now)

    @property
    def names(self) -> list[str]:
        return [name for _, name, _ in self.found]

    def read(self) -> list[str]:
        """The numbers of all that is read until nothing is pending."""
        while self.backlog.pending:
            self.backlog.digest(1e6)
        return self.names


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


def test_what_comes_after_signals_waits_for_them_and_for_no_others() -> None:
    reader = Reader()
    reader.add(1, 2)
    reader.act("a", now=100.5)
    reader.act("b", room="other", now=100.5)
    assert reader.names == ["b"], "nothing of that room waits"
    reader.add(3)
    reader.act("c", now=101.0)
    assert reader.read() == ["b", "1", "2", "a", "3", "c"]
    reader.act("d")
    assert reader.names[-1] == "d"


def test_nothing_makes_more_be_read_than_a_turn_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "DIGEST_BYTES", 3 * READING)
    reader = Reader()
    reader.add(*range(10))
    for _ in range(20):
        reader.act("report")
    assert reader.names == []
    reader.backlog.digest(100.0)
    assert reader.names == ["0", "1", "2"]


def test_facts_wait_for_the_pace_of_the_signals_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog_module, "READ_BURST", 2)
    reader = Reader()
    reader.add(1, 2, 3)
    reader.act("a")
    assert not reader.backlog.digest(100.0)
    assert reader.names == ["1", "2"]
    assert not reader.backlog.digest(100.03)
    assert reader.names == ["1", "2", "3", "a"]


def test_room_full_of_facts_leaves_its_signals_unread_and_loses_no_fact() -> None:
    reader = Reader()
    reader.add(1)
    facts = [f"fact {number}" for number in range(ROOM_PENDING)]
    for fact in facts:
        reader.act(fact)
    assert reader.names == facts
    reader.add(2)
    assert reader.read() == [*facts, "2"]


def test_facts_count_to_the_bytes_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "PENDING_BYTES", 2000)
    reader = Reader()
    reader.add(1, size=1000)
    reader.act("a")
    assert reader.names == []
    reader.act("b")
    assert reader.names == ["a", "b"]
    reader.add(2, size=2000)
    assert reader.read() == ["a", "b", "2"], "what was skipped takes no room"
