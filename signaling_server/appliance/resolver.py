"""Names of hosts -> addresses, off the event loop, and never in the way of a stop.

`loop.getaddrinfo` uses the threads that asyncio waits for when the loop ends: without a network one
name takes up to 20 s there. The threads here are daemons, one for a name at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from typing import Callable

AT_ONCE = 16
"""Names that are resolved at the same time, at most: the unit allows 64 threads (TasksMax)."""


class Resolver:
    """Asks the system. `lookup(host)` returns addresses, or raises OSError; it may block."""

    def __init__(self, lookup: Callable[[str], list[str]] | None = None) -> None:
        self._lookup = lookup or addresses_of
        self._pending: dict[str, asyncio.Future[list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        """The addresses, in the system's order. Raises OSError.

        You may stop waiting at any time; whoever asks next for the name waits for the same answer.
        """
        pending = self._pending.get(host)
        if pending is None and len(self._pending) >= AT_ONCE:
            raise OSError(errno.ENOBUFS, "too many names are being resolved")
        if pending is None:
            loop = asyncio.get_running_loop()
            pending = self._pending[host] = loop.create_future()
            pending.add_done_callback(lambda _: self._pending.pop(host, None))
            thread = threading.Thread(target=self._work, args=(loop, host, pending), daemon=True)
            thread.start()
        return await asyncio.shield(pending)

    def _work(
        self, loop: asyncio.AbstractEventLoop, host: str, pending: asyncio.Future[list[str]]
    ) -> None:
        found: list[str] | OSError
        try:
            found = self._lookup(host)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of the name is too long
            found = error if isinstance(error, OSError) else OSError(f"not a valid name: {host}")
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(_finish, pending, found)


def addresses_of(host: str) -> list[str]:
    """By getaddrinfo(3)."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _finish(pending: asyncio.Future[list[str]], found: list[str] | OSError) -> None:
    if isinstance(found, OSError):
        pending.set_exception(found)
        pending.exception()  # nobody may wait for it any longer: asyncio would complain of that
    else:
        pending.set_result(found)
