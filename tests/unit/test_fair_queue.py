from __future__ import annotations

import pytest

from signaling_server.core.fair_queue import FairQueue


def test_owners_take_turns_and_their_items_keep_their_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(item[0], item)
    taken = []
    while queue:
        taken.append(queue.take()[1])
    assert taken == ["a1", "b1", "c1", "a2", "b2", "a3"]
    with pytest.raises(KeyError):
        queue.take()


def test_item_that_is_put_back_comes_first_in_the_next_turn_of_its_owner() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "b1"):
        queue.add(item[0], item)
    queue.put_back(*queue.take())
    assert [queue.take() for _ in range(3)] == [("b", "b1"), ("a", "a1"), ("a", "a2")]
    queue.put_back("a", "a0")
    assert queue.take() == ("a", "a0")
    assert not queue
