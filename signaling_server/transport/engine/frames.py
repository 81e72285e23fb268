"""WebSocket frames (RFC 6455, section 5.2): those of ordinary signals are read and made here.

aiohttp reads all others, such as come in pieces, and whatever comes behind them.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from importlib import import_module
from typing import Any, Callable

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.write_batch import WriteBatch


def _find_unmask() -> Any:
    """aiohttp's compiled function that takes the mask off; None: it has moved once more."""
    for module, name in (
        ("aiohttp._websocket.helpers", "websocket_mask"),
        ("aiohttp.http_websocket", "_websocket_mask"),  # before aiohttp 3.11
    ):
        with suppress(ImportError, AttributeError):
            return getattr(import_module(module), name)
    return None


unmask = _find_unmask()
SIGNAL = '42["signal",'
"""How an ordinary signal begins: Engine.IO MESSAGE, Socket.IO EVENT, the event's name."""
TEXT = 0x81
"""The first byte of a frame that is a whole text message, not compressed."""
WIDEST = 4
"""Bytes that one byte from the network may take as text, if a wide character is among them."""


class FrameReader:
    """Stands between aiohttp's protocol and its parser of frames.

    A signal whose frame came whole is relayed right here, if nothing that came before it is still
    on its way. All else goes to aiohttp, and counts to the common memory until it was taken:
    aiohttp collects the frames of a message up to its limit, which times all connections is more
    memory than there is.
    """

    def __init__(
        self,
        budget: Budget,
        turn: WriteBatch,
        abort: Callable[[], None],
        relay: Callable[[str], bool] | None,
    ) -> None:
        self._turn = turn
        self._budget = budget
        self._abort = abort
        self._relay = relay
        self._parser: Any = None
        self._unread = 0
        """Bytes that aiohttp has and nobody has taken."""
        self._last = 0
        """Bytes that came last."""
        self.idle = False
        """Whether engine.io is through with all that was taken."""

    def watch(self, protocol: Any) -> None:
        """Stand in the way from now on."""
        self._parser = getattr(protocol, "_payload_parser", None)
        if self._parser is not None:  # else the client is gone already
            protocol._payload_parser = self

    def feed_data(self, data: bytes) -> Any:
        """Bytes have come from the network."""
        if self.idle and not self._unread and self._relay is not None:
            with self._turn:
                read = self._relay_signals(data, self._relay)
            if read == len(data):
                return False, b""
            data = data[read:]
        self._last = len(data)
        self._unread += self._last
        self._budget.charge(WIDEST * self._last)
        if self._budget.exceeded_by(WIDEST * self._unread):
            self._abort()
            return True, b""  # the parser has ended
        return self._parser.feed_data(data)

    def _relay_signals(self, data: bytes, relay: Callable[[str], bool]) -> int:
        """Relay the signals at the beginning of `data`; returns where they end."""
        at, end = 0, len(data)
        while end - at > 14 and data[at] == TEXT:
            size = data[at + 1] - 0x80  # less the bit that says there is a mask
            start = at + 6
            if size == 126:
                size = data[at + 2] << 8 | data[at + 3]
                start = at + 8
            elif not 0 <= size < 126:
                break
            stop = start + size
            if stop > end:
                break
            payload = bytearray(data[start:stop])
            unmask(data[start - 4 : start], payload)
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                break
            if not (is_signal(text) and relay(text)):
                break
            at = stop
        return at

    def feed_eof(self) -> None:
        """Nothing more will come."""
        self._parser.feed_eof()

    def taken(self, data: str | bytes) -> None:
        """A message was taken from aiohttp. What is left of the last bytes may begin another.

        6, 8 or 14 bytes of header and mask came before it.
        """
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(encoded(data))
        left = self._unread - size - (6 if size < 126 else 8 if size < 65536 else 14)
        left = 0 if left <= 0 else left if left < self._last else self._last
        self._budget.release(WIDEST * (self._unread - left))
        self._unread = left

    def close(self) -> None:
        """The connection has ended."""
        self._relay = None
        self._budget.release(WIDEST * self._unread)
        self._unread = 0


def is_signal(text: str) -> bool:
    """Whether a message is an ordinary signal: no ack asked for, no namespace."""
    return text.startswith(SIGNAL) and text.endswith("]")


def encoded(text: str) -> bytes:
    """UTF-8, also of what is half a character."""
    return text.encode("utf-8", "surrogatepass")


def header(length: int) -> bytes:
    """The header of an unmasked text frame."""
    if length < 126:
        return struct.pack("!BB", TEXT, length)
    if length < 65536:
        return struct.pack("!BBH", TEXT, 126, length)
    return struct.pack("!BBQ", TEXT, 127, length)
