"""STUN messages (RFC 8489), as far as asking whether a STUN or TURN server is there needs them."""

from __future__ import annotations

import hashlib
import hmac
import struct
from binascii import crc32
from typing import NamedTuple, Sequence, Tuple

MAGIC = 0x2112A442
HEADER_BYTES = 20
TRANSACTION_BYTES = 12

BINDING = 0x001
ALLOCATE = 0x003
"""RFC 8656, section 17."""
REFRESH = 0x004

REQUEST = 0x000
SUCCESS = 0x100
ERROR = 0x110
"""The class bits of a message type (RFC 8489, section 5)."""
_CLASS_BITS = 0x110

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
LIFETIME = 0x000D
REALM = 0x0014
NONCE = 0x0015
REQUESTED_TRANSPORT = 0x0019
FINGERPRINT = 0x8028

_FINGERPRINT_XOR = 0x5354554E
_ATTRIBUTE_HEADER = 4
_INTEGRITY_BYTES = 20
_FINGERPRINT_BYTES = 4

Attributes = Sequence[Tuple[int, bytes]]


class Message(NamedTuple):
    """A response: its method, its class, and the first value of each of its attributes."""

    method: int
    kind: int
    transaction: bytes
    attributes: dict[int, bytes]

    @property
    def error(self) -> tuple[int, str]:
        """The code and the reason of an error response; (0, "") if there is none to be read."""
        value = self.attributes.get(ERROR_CODE, b"")
        if len(value) < _ATTRIBUTE_HEADER:
            return 0, ""
        code = (value[2] & 0x07) * 100 + value[3]
        return code, value[4:].decode("utf-8", "replace")


def request(
    method: int, transaction: bytes, attributes: Attributes = (), key: bytes | None = None
) -> bytes:
    """A request. `key`: that of the long-term credential, which signs it (section 14.5)."""
    body = b"".join(_attribute(kind, value) for kind, value in attributes)
    if key is not None:
        # The length in the header counts the attribute that is being computed.
        signed = _header(method, transaction, len(body) + 4 + _INTEGRITY_BYTES) + body
        body += _attribute(MESSAGE_INTEGRITY, hmac.new(key, signed, hashlib.sha1).digest())
    checked = _header(method, transaction, len(body) + 4 + _FINGERPRINT_BYTES) + body
    fingerprint = crc32(checked) ^ _FINGERPRINT_XOR
    return checked + _attribute(FINGERPRINT, struct.pack("!I", fingerprint))


def long_term_key(username: str, realm: bytes, password: str) -> bytes:
    """The key of a long-term credential (section 9.2.2), as every TURN server computes it."""
    return hashlib.md5(b":".join((username.encode(), realm, password.encode()))).digest()


def length(start: bytes) -> int | None:
    """The bytes of the message that begins like this, header and all; None if it is no STUN.

    `start` must have at least HEADER_BYTES.
    """
    kind, size, magic = struct.unpack_from("!HHI", start)
    if kind & 0xC000 or size % 4 or magic != MAGIC:
        return None
    return HEADER_BYTES + int(size)


def response(data: bytes) -> Message | None:
    """Read a success or error response; None if it is neither, or is cut short."""
    if len(data) < HEADER_BYTES or length(data) != len(data):
        return None
    kind = struct.unpack_from("!H", data)[0]
    if kind & _CLASS_BITS not in (SUCCESS, ERROR):
        return None
    attributes: dict[int, bytes] = {}
    at = HEADER_BYTES
    while at + _ATTRIBUTE_HEADER <= len(data):
        name, size = struct.unpack_from("!HH", data, at)
        at += _ATTRIBUTE_HEADER
        if at + size > len(data):
            return None
        attributes.setdefault(name, data[at : at + size])
        at += size + -size % 4
    return Message(kind & ~_CLASS_BITS, kind & _CLASS_BITS, data[8:HEADER_BYTES], attributes)


def _header(method: int, transaction: bytes, size: int) -> bytes:
    return struct.pack("!HHI", method | REQUEST, size, MAGIC) + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)
