"""Malformed inputs: what clients send, corrupted. The same seed gives the same inputs."""

from __future__ import annotations

import random
from typing import Sequence

from framing import frame

OFFER = '{"type":"offer","data":{"sdp":"v=0\\r\\n","type":"offer"},"to":"node"}'
PACKETS = [
    b"40",
    b'40{"name":"node","room":"r","role":"x","session":"s","seen":3,"token":"hs_a_b"}',
    b'42["signal",%b]' % OFFER.encode(),
    b'4212["signal",%b]' % OFFER.encode(),
    b'42["signal",{"type":"ice-candidate","data":{"candidate":"candidate:1 1 udp 1"}}]',
    b'42["signal",{"type":"answer","data":{},"from":"gcom","seq":9}]',
    b'421["ice_servers"]',
    b'42["report",{"state":"connected","candidate_pair":{}}]',
    b'451-["signal",{"type":"offer","data":{"_placeholder":true,"num":0}}]',
    b"461-7[]",
    b"431[]",
    b"41",
    b"44{}",
    b"2probe",
    b"3",
    b"5",
    b"6",
    b"0{}",
    b"bAAAA",
]
MORSELS = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\x1e", b"/", b"-", b"e", b"\xff"),
    *(b"\\ud800", b"\\u0000", b"1e999", b"-0", b"9" * 400, b"[" * 2000, b'{"":' * 500, b"null"),
    *(b"__proto__", b"/admin,", b"signal", b"connect", b"disconnect", b"\xf0\x9f\x9a\x81"),
    *(b"\xc3", b"x" * 5000, b"NaN", b"'", b" ", b"\r\n"),
]
PATH = b"/socket.io/?EIO=4&transport="
HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\nAuthorization: Bearer hs_a_b\r\n\r\n",
    b"GET "
    + PATH
    + b"polling&room=r&name=n HTTP/1.1\r\nHost: a\r\nOrigin: http://10.0.0.5\r\n\r\n",
    b"GET " + PATH + b"websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: x\r\n\r\n",
    b"POST " + PATH + b"polling&sid=abc HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40",
    b"POST " + PATH + b"polling HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n40\r\n0\r\n\r\n",
    b"OPTIONS " + PATH + b"polling HTTP/1.1\r\nHost: a\r\nOrigin: http://x\r\n\r\n",
]


class Mutator:
    """Corrupts inputs, each in none to four ways."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def packet(self) -> bytes:
        """An Engine.IO packet with a Socket.IO packet in it, corrupted."""
        return self._corrupt(PACKETS)

    def head(self) -> bytes:
        """An HTTP request, corrupted."""
        return self._corrupt(HEADS)

    def body(self) -> bytes:
        """The body of a POST: one to four packets."""
        return b"\x1e".join(self.packet() for _ in range(self.dice.randint(1, 4)))

    def frames(self) -> bytes:
        """A packet in a WebSocket frame; one frame in ten is corrupted itself."""
        dice, payload = self.dice, self.packet()
        if dice.random() < 0.9:
            return frame(payload.decode("utf-8", "ignore").encode())
        whole = frame(payload, opcode=dice.randrange(16), final=dice.random() < 0.5)
        return self._change(whole, []) if dice.random() < 0.5 else whole

    def _corrupt(self, seeds: Sequence[bytes]) -> bytes:
        text = self.dice.choice(seeds)
        for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
            text = self._change(text, seeds)
        return text

    def _change(self, text: bytes, seeds: Sequence[bytes]) -> bytes:
        dice = self.dice
        start, end = sorted(dice.randint(0, len(text)) for _ in range(2))
        way = dice.randrange(7 if seeds else 5)
        if way == 0:
            return text[:start] + text[end:]
        if way == 1:
            return text[:end] + text[start:]
        if way == 2:
            return text[:start] + bytes([dice.randrange(256)]) + text[start + 1 :]
        if way == 3:
            return text[:start]
        if way == 4:
            return text[:start] + text[start:end] * dice.choice((2, 50)) + text[end:]
        if way == 5:
            return text[:start] + dice.choice(MORSELS) + text[start:]
        other = dice.choice(seeds)
        return text[:start] + other[dice.randint(0, len(other)) :]
