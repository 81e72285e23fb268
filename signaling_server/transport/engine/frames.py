"""WebSocket frames (RFC 6455, section 5.2): those of plain signals are read and made here.

Goal: a plain signal in one whole frame is relayed without aiohttp's queue, engine.io's tasks and
a second look at its bytes. Everything else must behave as if this file did not exist.

Plan: a FrameReader takes the place of aiohttp's parser in its protocol. It relays the plain
signals at the beginning of what came, and hands aiohttp the rest, from the first byte that it
does not understand (a control frame, a fragment, a compressed or unmasked frame, an incomplete
one, any other message).
It may do so only while aiohttp is at the beginning of a frame and holds nothing that could be
overtaken: `idle` (engine.io waits for a message) and `_unread == 0` (aiohttp has no byte left).

Memory: aiohttp collects a message up to its frame limit, for each connection. Times all
connections that is more than there is, so what aiohttp holds counts to the shared budget until
engine.io takes the message (frame_counter.py). The text of a message may take WIDEST times its
bytes.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, Iterable

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.frame_counter import BadFrame, FrameCounter
from signaling_server.transport.engine.internals import find_unmask
from signaling_server.transport.engine.plain_signal import ARGUMENT_AT, PLAIN, plain_signal
from signaling_server.transport.engine.write_batch import WriteBatch

unmask = find_unmask()
"""aiohttp's compiled function: `unmask(mask, payload)` changes the bytearray in place."""

# The layout of a frame: FIN, RSV and opcode; MASK and length; a longer length; the mask; payload.
WHOLE_TEXT = 0x81
"""First byte: FIN, and the opcode of text. Not compressed (RSV1 is clear), not fragmented."""
MASK_BIT = 0x80
"""In the second byte: every frame of a client is masked."""
LENGTH_16, LENGTH_64 = 126, 127
"""Lengths that mean: the length is in the next 2 bytes, in the next 8."""
LONGEST_7, LONGEST_16 = 125, 65535
"""The longest payloads of the two shorter forms."""
MASK_SIZE = 4
HEADER_7, HEADER_16, HEADER_64 = 2 + MASK_SIZE, 4 + MASK_SIZE, 10 + MASK_SIZE
"""Bytes before a masked payload in each form."""
_HEAD_7, _HEAD_16, _HEAD_64 = (struct.Struct(f"!BB{form}").pack for form in ("", "H", "Q"))
WIDEST = 4
"""Bytes of memory for one byte of text, if a single wide character is among them."""

RelaySignal = Callable[[str, str], bool]
"""Relays a plain signal, given its parts (PlainSignal); False: take the slow path."""


class FrameReader:
    """Stands between aiohttp's protocol and its parser of frames."""

    __slots__ = (
        "_abort",
        "_batch",
        "_budget",
        "_counter",
        "_parser",
        "_refuse",
        "_relay_signal",
        "_renew",
        "_unread",
        "idle",
    )

    def __init__(
        self,
        budget: Budget,
        batch: WriteBatch,
        abort: Callable[[], None],
        relay_signal: RelaySignal | None,
        renew: Callable[[Any], Any],
        counter: FrameCounter,
        refuse: Callable[[BadFrame], None],
    ) -> None:
        """`renew(parser)`: the parser to use from now on, asked for between two frames.

        `refuse` ends the connection of a client for a frame that it sent.
        """
        self._batch = batch
        self._budget = budget
        self._abort = abort
        self._relay_signal = relay_signal
        self._renew = renew
        self._counter = counter
        self._refuse = refuse
        self._parser: Any = None
        self._unread = 0
        """Bytes that aiohttp holds and engine.io has not taken."""
        self.idle = False
        """Whether engine.io has handled every message that it took."""

    def watch(self, protocol: Any, tail: bytes) -> None:
        """Take the place of the parser in aiohttp's protocol; `tail` came before that."""
        self._parser = getattr(protocol, "_payload_parser", None)
        if self._parser is None:  # the client is gone already
            return
        protocol._payload_parser = self
        if tail:
            self.feed_data(tail)

    def feed_data(self, data: bytes) -> Any:
        """Called by aiohttp with what came from the network."""
        if self.idle and not self._unread:
            if self._relay_signal is not None:
                with self._batch:
                    read = self._relay_signals(data, self._relay_signal)
                if read == len(data):
                    return False, b""
                data = data[read:]
            self._parser = self._renew(self._parser)
        self._unread += len(data)
        self._budget.charge(WIDEST * len(data))
        if self._budget.exceeded_by(WIDEST * self._unread):
            self._abort()
            return True, b""  # aiohttp: the parser has ended
        try:
            self._counter.follow(data)
        except BadFrame as error:
            self._refuse(error)
            return True, b""
        return self._parser.feed_data(data)

    def _relay_signals(self, data: bytes, relay_signal: RelaySignal) -> int:
        """Relay the plain signals at the beginning of `data`; returns where they end.

        The hot loop: one function on purpose, `break` means "the rest is for aiohttp".
        """
        at, end = 0, len(data)
        while end - at > HEADER_64 and data[at] == WHOLE_TEXT:
            size = data[at + 1] - MASK_BIT
            start = at + HEADER_7
            if size == LENGTH_16:
                size = data[at + 2] << 8 | data[at + 3]
                start = at + HEADER_16
            elif not 0 <= size <= LONGEST_7:  # not masked, or LENGTH_64
                break
            stop = start + size
            if stop > end:
                break
            payload = bytearray(data[start:stop])
            unmask(data[start - MASK_SIZE : start], payload)
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                break
            if text.startswith(PLAIN) and text.endswith("]"):  # without a call: most are like this
                taken = relay_signal(text[ARGUMENT_AT:-1], "")
            else:
                signal = plain_signal(text)
                taken = signal is not None and relay_signal(*signal)
            if not taken:
                break
            at = stop
        return at

    def feed_eof(self) -> None:
        """Called by aiohttp: nothing more will come."""
        self._parser.feed_eof()

    def taken(self) -> None:
        """engine.io took a message."""
        size = min(self._counter.taken(), self._unread)
        self._budget.release(WIDEST * size)
        self._unread -= size

    def close(self) -> None:
        """The connection has ended."""
        self._relay_signal = None
        self._budget.release(WIDEST * self._unread)
        self._unread = 0


def text_frames(texts: Iterable[str]) -> bytes:
    """Unmasked frames of these texts, as UTF-8, one after the other; a lone surrogate, which JSON
    can spell, is encoded like a character.

    One loop for all that leaves in one write: a call for each of them would cost as much again.
    """
    parts: list[bytes] = []
    for text in texts:
        try:
            payload = text.encode()
        except UnicodeEncodeError:
            payload = text.encode("utf-8", "surrogatepass")
        length = len(payload)
        if length <= LONGEST_7:
            head = _HEAD_7(WHOLE_TEXT, length)
        elif length <= LONGEST_16:
            head = _HEAD_16(WHOLE_TEXT, LENGTH_16, length)
        else:
            head = _HEAD_64(WHOLE_TEXT, LENGTH_64, length)
        parts += (head, payload)
    return b"".join(parts)
