"""Callers that have sent nothing yet, watched together.

Most connections of a flood never say a word. The event loop would take a protocol, a transport and
a task for each; here each takes one call of the kernel, and the loop watches all as one file.
"""

from __future__ import annotations

import asyncio
import select
from typing import Callable

from signaling_server.appliance.caller import Caller

WORDS_PER_TURN = 128
"""Callers in one turn of the loop whose first bytes are looked at."""


class SilentCallers:
    """`on_word` is called with a caller that has sent something or has gone; `after` behind them.

    You must call `close` at the end.
    """

    def __init__(self, on_word: Callable[[Caller], None], after: Callable[[], None]) -> None:
        self._on_word = on_word
        self._after = after
        self._callers: dict[int, Caller] = {}
        """By descriptor."""
        self._epoll = select.epoll()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll, self.hear)

    def add(self, caller: Caller) -> None:
        """Watch a caller."""
        descriptor = caller.socket.fileno()
        self._callers[descriptor] = caller
        # Once: nobody has to tell the kernel that a caller is no longer watched.
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLONESHOT)

    def remove(self, caller: Caller) -> None:
        """Watch it no longer; others are passed over. You must call it before the socket closes."""
        descriptor = caller.socket.fileno()
        if self._callers.get(descriptor) is caller:
            del self._callers[descriptor]

    def take_all(self) -> list[Caller]:
        """Those that are watched; none is from now on."""
        callers = list(self._callers.values())
        self._callers.clear()
        return callers

    def close(self) -> None:
        """Watch nobody any longer."""
        self._loop.remove_reader(self._epoll)
        self._epoll.close()

    def hear(self) -> None:
        """Look who has said something."""
        for descriptor, _ in self._epoll.poll(0, WORDS_PER_TURN):
            caller = self._callers.pop(descriptor, None)
            if caller is not None:
                self._on_word(caller)
        self._after()
