"""A queue that many share and none can fill: whoever has something in it gets its turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Generic, Hashable, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of one owner leave in the order in which they came; the owners take turns.

    Adding and taking cost the same however many wait.
    """

    def __init__(self) -> None:
        # OrderedDict, not dict: see strangers.py.
        self._queues: OrderedDict[Hashable, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, owner: Hashable, item: T) -> None:
        """Put in an item of an owner, behind all others of the same owner."""
        queue = self._queues.get(owner)
        if queue is None:
            self._queues[owner] = deque((item,))
        else:
            queue.append(item)

    def put_back(self, owner: Hashable, item: T) -> None:
        """Put an item in front of all others of the same owner, whose turn is over."""
        self._queues.setdefault(owner, deque()).appendleft(item)
        self._queues.move_to_end(owner)

    def take(self) -> tuple[Any, T]:
        """Take the oldest item of the owner whose turn it is, with the owner.

        Raises KeyError if nothing waits.
        """
        owner, queue = self._queues.popitem(last=False)
        item = queue.popleft()
        if queue:
            self._queues[owner] = queue  # behind all others
        return owner, item
