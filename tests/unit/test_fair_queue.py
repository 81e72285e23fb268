from __future__ import annotations

import pytest

from signaling_server.core.fair_queue import FairQueue


def test_owners_take_turns_and_their_items_keep_their_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(item[0], item)
    taken = []
    while queue:
        taken.append(queue.take())
    assert taken == ["a1", "b1", "c1", "a2", "b2", "a3"]
    with pytest.raises(KeyError):
        queue.take()


def test_owner_is_in_it_while_it_has_items() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.add("a", 1)
    assert "a" in queue
    queue.take()
    assert "a" not in queue


def test_items_of_one_owner_can_be_taken_out_of_turn() -> None:
    queue: FairQueue[int] = FairQueue()
    for owner, item in (("a", 1), ("b", 2), ("a", 3)):
        queue.add(owner, item)
    assert list(queue.of("a")) == [1, 3]
    assert list(queue.of("a")) == []
    assert queue.take() == 2
    assert not queue
