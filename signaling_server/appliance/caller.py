"""One TCP connection, on its way through the door."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

FIRST_LINE = 2048
"""Bytes of a request in which a token is looked for."""


class Caller:
    """One TCP connection, from when it is accepted until its first request."""

    __slots__ = ("entering", "protocol", "socket", "timer", "transport")

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket
        self.protocol: asyncio.BaseProtocol | None = None
        self.transport: Any = None
        self.entering = False
        """Whether it has left the porch."""
        self.timer: asyncio.TimerHandle | None = None
        """Ends it at the deadline of its request."""

    def end(self) -> None:
        """Close the connection at once, wherever it is."""
        if self.timer is not None:
            self.timer.cancel()
        if self.transport is not None:
            self.transport.abort()
        elif self.entering:
            with contextlib.suppress(OSError):  # the loop has it: it sees the end and closes it
                self.socket.shutdown(socket.SHUT_RDWR)
        else:
            self.socket.close()

    @property
    def first_line(self) -> bytes:
        """What it has sent while it waits on the porch: it is not read yet."""
        try:
            return self.socket.recv(FIRST_LINE, socket.MSG_PEEK)
        except OSError:  # nothing yet, or it is gone
            return b""
