"""Writes signals of real sizes into the file named, one a line: 8 negotiations of an offer
(4.2 KB), an answer (2.6 KB) and 20 candidates (about 215 B); the mean is 504 B."""

from __future__ import annotations

import json
import random
import string
import sys

chance = random.Random(7)
OFFER_BYTES, ANSWER_BYTES = 3950, 2450
CODECS = ("VP8", "H264", "VP9", "AV1", "H265")
FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")


def word(length: int) -> str:
    """Random characters, as ICE and DTLS have them."""
    return "".join(chance.choices(string.ascii_letters + string.digits + "+/", k=length))


def sdp(kind: str, size: int) -> dict[str, str]:
    """A session description like a browser's, filled up to about `size` bytes."""
    fingerprint = ":".join(f"{chance.randrange(256):02X}" for _ in range(32))
    lines = [
        "v=0",
        f"o=- {chance.randrange(10**18)} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 98 100 102 104",
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{word(4)}",
        f"a=ice-pwd:{word(24)}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {fingerprint}",
        f"a=setup:{'actpass' if kind == 'offer' else 'active'}",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
    ]
    for number, codec in zip(range(96, 106, 2), CODECS):
        lines.append(f"a=rtpmap:{number} {codec}/90000")
        lines += [f"a=rtcp-fb:{number} {feedback}" for feedback in FEEDBACK]
    while sum(map(len, lines)) + 2 * len(lines) < size:
        lines.append(f"a=ssrc:{chance.randrange(2**32)} cname:{word(16)}")
    return {"type": kind, "sdp": "\r\n".join(lines) + "\r\n"}


def candidate() -> dict[str, object]:
    """A server-reflexive candidate, trickled."""
    address = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
    line = (
        f"candidate:{chance.randrange(2**32)} 1 udp {chance.randrange(2**31)} {address} "
        f"{chance.randrange(1024, 65536)} typ srflx raddr 10.0.0.{chance.randrange(255)} rport "
        f"{chance.randrange(65536)} generation 0 ufrag {word(4)} network-cost 999"
    )
    return {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}


with open(sys.argv[1], "w") as file:
    for _ in range(8):
        signals: list[tuple[str, object]] = [
            ("offer", sdp("offer", OFFER_BYTES)),
            ("answer", sdp("answer", ANSWER_BYTES)),
        ]
        signals += [("ice-candidate", candidate()) for _ in range(20)]
        for kind, data in signals:
            file.write(json.dumps({"type": kind, "data": data}, separators=(",", ":")) + "\n")
