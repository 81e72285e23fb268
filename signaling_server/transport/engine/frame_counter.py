"""The frames that are left to aiohttp: counted before it parses them.

Goal: a frame that is no signal costs work as well, and one read from the network brings up to
40,000 of them. A client has as many of them a second as it has events; above that it is closed.

Plan: a FrameCounter follows the boundaries of frames (RFC 6455, section 5.2) through the bytes that
aiohttp gets. Every frame takes from the client's rate but those that begin an event (text that
begins with a 4), because events are counted, and answered, where they are handled.
It also knows exactly how many bytes of an unfinished message aiohttp holds, whatever control frames
come in between.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from signaling_server.errors import SignalingError

FIN, OPCODE, CONTROL, TEXT = 0x80, 0x0F, 0x08, 0x01
"""In the first byte. Opcodes with CONTROL set are control frames."""
MASK_BIT, LENGTH = 0x80, 0x7F
"""In the second byte."""
LENGTH_BYTES = {126: 2, 127: 8}
"""Bytes of the longer length that follows, by the value of the short one."""
MASK_SIZE = 4
LONGEST_HEADER = 2 + 8 + MASK_SIZE
EVENT = ord("4")
"""Begins an Engine.IO MESSAGE, which carries a Socket.IO packet."""


class BadFrame(SignalingError):
    """A frame after which the connection ends; `code` is an error code of docs/protocol.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FrameCounter:
    """Give it all bytes that aiohttp gets, in order. `allow()`: whether one more frame may come."""

    __slots__ = (
        "_allow",
        "_complete",
        "_ends",
        "_frame",
        "_head",
        "_is_control",
        "_left",
        "_message",
    )

    def __init__(self, allow: Callable[[], bool]) -> None:
        self._allow = allow
        self._head = b""
        """A header that is not complete."""
        self._left = 0
        """Bytes of the payload that are still to come."""
        self._frame = 0
        """Bytes of the frame, with its header."""
        self._message = 0
        """Bytes of the fragments of an unfinished message that are complete."""
        self._ends = False
        """Whether the frame is the last one of a data message."""
        self._is_control = False
        self._complete: deque[int] | None = None
        """Bytes of each message that is complete, in the order in which aiohttp hands them over.
        Made while there are any: an idle client needs none."""

    def follow(self, data: bytes) -> None:
        """Count the frames that begin in `data`; raises BadFrame."""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
            else:
                before = len(self._head)
                self._head += data[at : at + LONGEST_HEADER + 1 - before]
                size = self._begin()
                if not size:
                    return
                self._head = b""
                at += size - before
            if not self._left:
                self._end()

    def _begin(self) -> int:
        """Begin the frame whose header is there; returns its size, 0 if more has to come."""
        head = self._head
        if len(head) < 2:
            return 0
        first, second = head[0], head[1]
        if not second & MASK_BIT:
            raise BadFrame("invalid-format", "a frame that is not masked (RFC 6455, section 5.1)")
        length = second & LENGTH
        more = LENGTH_BYTES.get(length, 0)
        size = 2 + more + MASK_SIZE
        if len(head) < size:
            return 0
        if more:
            length = int.from_bytes(head[2 : 2 + more], "big")
        is_text = first & OPCODE == TEXT and length > 0
        if len(head) < size + is_text:
            return 0
        is_event = is_text and head[size] ^ head[size - MASK_SIZE] == EVENT
        if not is_event and not self._allow():
            raise BadFrame("rate-limited", "too many frames that are no events")
        self._is_control = bool(first & CONTROL)
        self._ends = bool(first & FIN)
        self._left, self._frame = length, size + length
        return size

    def _end(self) -> None:
        """The frame is complete: aiohttp hands over a control frame, and a finished message."""
        if self._is_control:
            self._append(self._frame)
            return
        self._message += self._frame
        if self._ends:
            self._append(self._message)
            self._message = 0

    def _append(self, size: int) -> None:
        if self._complete is None:
            self._complete = deque()
        self._complete.append(size)

    def taken(self) -> int:
        """aiohttp has handed over the next message; returns the bytes that it held of it."""
        if self._complete is None:
            return 0
        size = self._complete.popleft()
        if not self._complete:
            self._complete = None
        return size
