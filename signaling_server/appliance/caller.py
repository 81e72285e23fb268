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

    __slots__ = ("address", "entering", "protocol", "socket", "timer", "transport")

    def __init__(self, socket: socket.socket, address: str = "") -> None:
        self.socket = socket
        self.address = address
        self.protocol: asyncio.BaseProtocol | None = None
        self.transport: Any = None
        self.entering = False
        """Whether it has left the porch."""
        self.timer: asyncio.TimerHandle | None = None
        """Ends it at the deadline of its first bytes, then at that of its request."""

    def end(self) -> None:
        """Close the connection at once, wherever it is."""
        self.stop_timer()
        if self.transport is not None:
            self.transport.abort()
        elif self.entering:
            with contextlib.suppress(OSError):  # the loop has it: it sees the end and closes it
                self.socket.shutdown(socket.SHUT_RDWR)
        else:
            self.socket.close()

    def stop_timer(self) -> None:
        """No deadline is left for it."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    @property
    def first_line(self) -> bytes | None:
        """What it has sent so far, not read yet; None if it has gone."""
        try:
            return self.socket.recv(FIRST_LINE, socket.MSG_PEEK | socket.MSG_DONTWAIT) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None
