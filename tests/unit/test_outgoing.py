from __future__ import annotations

import pytest

from signaling_server.core.fleet import outgoing as module
from signaling_server.core.fleet.outgoing import Outgoing
from signaling_server.core.protocol.limits import Budget


@pytest.fixture
def outgoing() -> Outgoing:
    return Outgoing(Budget(10**6))


def put(outgoing: Outgoing, *texts: str) -> list[tuple[int, str]]:
    for text in texts:
        outgoing.put(text)
    return [(batch.number, batch.body) for batch in outgoing.take()]


def test_what_waits_at_the_end_of_a_turn_is_one_batch(outgoing: Outgoing) -> None:
    assert put(outgoing, "a", "b") == [(1, "a\x1eb")]
    assert put(outgoing, "c") == [(2, "c")]
    assert put(outgoing) == []


def test_much_is_several_batches(outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 2)
    assert put(outgoing, "a", "b", "c") == [(1, "a\x1eb"), (2, "c")]
    assert put(outgoing, "de") == [(3, "de")]


def test_what_is_acknowledged_is_paid_back(outgoing: Outgoing) -> None:
    put(outgoing, "a")
    put(outgoing, "b")
    outgoing.put("c")
    outgoing.acknowledged(1)
    assert [batch.number for batch in outgoing.kept] == [2]
    assert outgoing.bytes == outgoing._budget.used > 0
    outgoing.take()
    outgoing.acknowledged(3)
    assert outgoing.bytes == outgoing._budget.used == 0


def test_each_of_several_batches_pays_back_its_own_cost(
    outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    put(outgoing, "a", "b")
    for number in (1, 2):
        assert outgoing.bytes == outgoing._budget.used > 0
        outgoing.acknowledged(number)
    assert outgoing.bytes == outgoing._budget.used == 0


def test_what_is_dropped_is_paid_back_and_the_numbers_begin_anew(outgoing: Outgoing) -> None:
    put(outgoing, "a")
    outgoing.put("b")
    outgoing.drop()
    assert outgoing.bytes == outgoing._budget.used == 0
    assert put(outgoing, "c") == [(1, "c")]
    assert len(outgoing.kept) == 1
