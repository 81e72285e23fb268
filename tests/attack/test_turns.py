"""Work that comes in large pieces takes turns with the relay: a good pair hardly notices."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from attack.beside import attack_beside_a_pair
from attack.crowd import join

SECONDS = 3.0
PIPELINED = 300
CANDIDATES = "".join(
    f"a=candidate:{number} 1 udp 2113937151 2001:db8::{number:x}:1 {50000 + number} typ host\r\n"
    for number in range(1100)
)
SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    f"c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789\r\n{CANDIDATES}"
)
OFFER = json.dumps({"type": "offer", "data": {"type": "offer", "sdp": SDP}})


@pytest.mark.parametrize("path", ["/healthz", "/"])
def test_pipelined_requests(path: str) -> None:
    async def attack(port: int) -> None:
        requests = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * PIPELINED

        async def ask() -> int:
            answers = 0
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                writer.write(requests)
                for _ in range(PIPELINED):
                    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
                    size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                    await asyncio.wait_for(reader.readexactly(int(size)), 60)
                    answers += head.startswith(b"HTTP/1.1 200")
            writer.transport.abort()
            return answers

        answers = await asyncio.gather(*(ask() for _ in range(4)))
        assert answers == [2 * PIPELINED] * 4

    attack_beside_a_pair(f"pipelined GET {path}", attack)


def test_offers_with_very_many_candidates_and_a_report() -> None:
    async def attack(port: int) -> None:
        evil, other = await join(port, "evil", "evil"), await join(port, "evil", "other")
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        while loop.time() < end:
            for _ in range(8):
                evil.say(f'42["signal",{OFFER}]')
            evil.say('42["report",{"state":"connected"}]')
            await asyncio.sleep(1 / 60)
        assert not evil.ended.done()
        assert len(other.signals) > 8, "what is within the limits is passed on"
        for member in (evil, other):
            with contextlib.suppress(OSError):
                member.transport.abort()

    attack_beside_a_pair("8 offers of 1,100 candidates and a report, 60 a second", attack)
