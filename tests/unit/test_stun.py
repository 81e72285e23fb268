"""STUN messages, against the test vectors of RFC 5769."""

from __future__ import annotations

import struct

import pytest

from signaling_server.core.ice import stun

TRANSACTION = bytes(range(12))
RFC_5769_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
"""Section 2.2: a Binding response over IPv4."""
RFC_5769_KEY = stun.long_term_key(
    "\u30de\u30c8\u30ea\u30c3\u30af\u30b9", b"example.org", "TheMatrIX"
)


def test_request_with_a_long_term_credential_is_that_of_the_rfc() -> None:
    """Section 2.4, which has no FINGERPRINT: the length in the header is 8 bytes shorter."""
    expected = bytes.fromhex(
        "000100602112a44278ad3433c6ad72c029da412e"
        "00060012e3839ee38388e383aae38383e382afe382b90000"
        "0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
        "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
    )
    made = stun.request(
        stun.BINDING,
        bytes.fromhex("78ad3433c6ad72c029da412e"),
        [
            (stun.USERNAME, "\u30de\u30c8\u30ea\u30c3\u30af\u30b9".encode()),
            (stun.NONCE, b"f//499k954d6OL34oL9FSTvy64sA"),
            (stun.REALM, b"example.org"),
        ],
        RFC_5769_KEY,
    )
    assert made[4:-8] == expected[4:]
    assert struct.unpack_from("!HH", made) == (1, 0x60 + 8)


def test_request_without_a_credential_is_not_signed() -> None:
    made = stun.request(stun.BINDING, TRANSACTION)
    assert made[:20] == struct.pack("!HHI", 1, 8, stun.MAGIC) + TRANSACTION
    assert made[20:24] == struct.pack("!HH", stun.FINGERPRINT, 4)
    assert len(made) == 28


def test_fingerprint_is_that_of_the_rfc() -> None:
    """Section 2.2: the CRC of all that precedes it."""
    without = RFC_5769_RESPONSE[:-8]
    attribute = RFC_5769_RESPONSE[-4:]
    crc = stun.crc32(without) ^ stun._FINGERPRINT_XOR
    assert struct.pack("!I", crc) == attribute


def test_response_is_read_with_its_attributes() -> None:
    message = stun.response(RFC_5769_RESPONSE)
    assert message is not None
    assert (message.method, message.kind) == (stun.BINDING, stun.SUCCESS)
    assert message.transaction == bytes.fromhex("b7e7a701bc34d686fa87dfae")
    assert message.attributes[0x8022] == b"test vector"
    assert message.error == (0, "")


def error(value: bytes) -> bytes:
    """An error response to ALLOCATE with this ERROR-CODE."""
    padded = value + b"\0" * (-len(value) % 4)
    attribute = struct.pack("!HH", stun.ERROR_CODE, len(value)) + padded
    return struct.pack("!HHI", 0x0113, len(attribute), stun.MAGIC) + TRANSACTION + attribute


def test_error_has_a_code_and_a_reason() -> None:
    message = stun.response(error(b"\0\0\x04\x01Unauthorized"))
    assert message is not None
    assert (message.method, message.kind) == (stun.ALLOCATE, stun.ERROR)
    assert message.error == (401, "Unauthorized")
    broken = stun.response(error(b"\0\0\x04"))
    assert broken is not None
    assert broken.error == (0, "")


def test_first_of_equal_attributes_counts() -> None:
    body = b"".join(struct.pack("!HH4s", stun.NONCE, 4, value) for value in (b"aaaa", b"bbbb"))
    start = struct.pack("!HHI", 0x0101, len(body), stun.MAGIC)
    message = stun.response(start + TRANSACTION + body)
    assert message is not None
    assert message.attributes == {stun.NONCE: b"aaaa"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RFC_5769_RESPONSE[:19],
        RFC_5769_RESPONSE[:-1],
        RFC_5769_RESPONSE + b"\0",
        b"\x00\x01" + RFC_5769_RESPONSE[2:],
        b"\x00\x11" + RFC_5769_RESPONSE[2:],
        b"\x81\x01" + RFC_5769_RESPONSE[2:],
        RFC_5769_RESPONSE[:4] + b"\0\0\0\0" + RFC_5769_RESPONSE[8:],
        RFC_5769_RESPONSE[:22] + b"\x01\x00" + RFC_5769_RESPONSE[24:],
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_anything_else_is_no_response(data: bytes) -> None:
    assert stun.response(data) is None


def test_length_is_that_of_the_whole_message() -> None:
    assert stun.length(RFC_5769_RESPONSE[:20]) == len(RFC_5769_RESPONSE)
    assert stun.length(b"HTTP/1.1 400 Bad Request") is None
