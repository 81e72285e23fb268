"""The messages that aiohttp holds: where each begins and ends on the wire (RFC 6455, section 5.2).

Goal: aiohttp collects a message up to its frame limit, and hands it out in a type and a length that
differ between its versions. What it holds must be known to the byte: a byte too many would keep the
client off the fast path, a byte too few would be memory that nobody counts.

Plan: follow the frames in what aiohttp is given. A header is read, a payload is skipped. A message
that is whole has a size, that of all its frames with their headers; a control frame is a message of
its own, also between two fragments. aiohttp hands messages out in the order in which they became
whole, and so `take` gives their sizes back in that order.

Worst case: frames that aiohttp refuses end the connection, and with it this account.
"""

from __future__ import annotations

import struct
from collections import deque

FIN, CONTROL = 0x80, 0x08
"""In the first byte: the last frame of its message; the opcode of a PING, PONG or CLOSE."""
MASK_BIT = 0x80
"""In the second byte: the payload is masked, and the mask follows the length."""
LENGTH_16, LENGTH_64 = 126, 127
"""Lengths that mean: the length is in the next 2 bytes, in the next 8."""
MASK_SIZE = 4
SHORTEST_HEADER = 2


class MessageSizes:
    """You must `feed` it all that aiohttp is given, and `take` each message that it hands out."""

    __slots__ = ("_first", "_fragments", "_frame", "_header", "_left", "_whole", "held")

    def __init__(self) -> None:
        self.held = 0
        """Bytes that aiohttp was given and has not handed out."""
        self._header = b""
        """The beginning of a header, as far as it has come."""
        self._first = 0
        """The first byte of the frame that is coming."""
        self._frame = 0
        """Bytes of that frame, with its header."""
        self._left = 0
        """Bytes of its payload that have not come."""
        self._fragments = 0
        """Bytes of the fragments before it."""
        self._whole: deque[int] | None = None
        """Bytes of each message that is whole, made when there is one."""

    def feed(self, data: bytes) -> None:
        """aiohttp is given what came from the network."""
        self.held += len(data)
        if self._header:
            data, self._header = self._header + data, b""
        at = min(self._left, len(data))
        self._left -= at
        if at and not self._left:
            self._frame_ended()
        while at < len(data):
            at = self._begin_frame(data, at)

    def _begin_frame(self, data: bytes, at: int) -> int:
        """Read the header at an offset; returns where the frame ends, or what has come of it."""
        size = _header_size(data, at)
        if len(data) - at < size:
            self._header = data[at:]
            return len(data)
        length = _payload_length(data, at)
        self._first = data[at]
        self._frame = size + length
        end = min(at + self._frame, len(data))
        self._left = at + self._frame - end
        if not self._left:
            self._frame_ended()
        return end

    def _frame_ended(self) -> None:
        if self._first & CONTROL:
            self._append(self._frame)
            return
        self._fragments += self._frame
        if self._first & FIN:
            self._append(self._fragments)
            self._fragments = 0

    def _append(self, size: int) -> None:
        if self._whole is None:
            self._whole = deque()
        self._whole.append(size)

    def take(self) -> int:
        """aiohttp hands a message out; returns its bytes."""
        if not self._whole:  # aiohttp knows of a message that has not come: it has changed
            return 0
        size = self._whole.popleft()
        if not self._whole:
            self._whole = None
        self.held -= size
        return size

    def clear(self) -> int:
        """The connection has ended; returns the bytes that were held."""
        held, self.held, self._whole = self.held, 0, None
        return held


def _header_size(data: bytes, at: int) -> int:
    """Bytes of the header at an offset, or more than there are if they do not tell yet."""
    if len(data) - at < SHORTEST_HEADER:
        return SHORTEST_HEADER
    second = data[at + 1]
    longer = {LENGTH_16: 2, LENGTH_64: 8}.get(second & ~MASK_BIT, 0)
    return SHORTEST_HEADER + longer + (MASK_SIZE if second & MASK_BIT else 0)


def _payload_length(data: bytes, at: int) -> int:
    """Bytes of the payload of a frame whose header is complete."""
    length: int = data[at + 1] & ~MASK_BIT
    if length == LENGTH_16:
        (length,) = struct.unpack_from("!H", data, at + SHORTEST_HEADER)
    elif length == LENGTH_64:
        (length,) = struct.unpack_from("!Q", data, at + SHORTEST_HEADER)
    return length
