"""Frames of a WebSocket client (RFC 6455, section 5.2), also such as no good client sends."""

from __future__ import annotations

import struct
from itertools import cycle

NO_MASK = b"\0\0\0\0"
"""A mask that changes nothing is a mask (section 5.3)."""


def frame(
    payload: bytes, opcode: int = 1, final: bool = True, mask: bytes = NO_MASK, wide: bool = False
) -> bytes:
    """A masked frame; `wide`: with a longer length field than it needs."""
    first, size = opcode | (0x80 if final else 0), len(payload)
    if mask != NO_MASK:
        payload = bytes(a ^ b for a, b in zip(payload, cycle(mask)))
    if size < 126 and not wide:
        return struct.pack("!BB", first, 0x80 | size) + mask + payload
    if size < 65536 and not (wide and size > 125):
        return struct.pack("!BBH", first, 0xFE, size) + mask + payload
    return struct.pack("!BBQ", first, 0xFF, size) + mask + payload
