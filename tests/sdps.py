"""Session descriptions and candidates for tests: as browsers and aiortc write them, and made up."""

from __future__ import annotations

from typing import Sequence

CHROME_OFFER = "\r\n".join(
    """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 5f3f0a8e
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:Ek4L
a=ice-pwd:9Yxq0AUmXPn9KzD2PqV0vJ1t
a=ice-options:trickle
a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:0 PCMU/8000
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 104 98 45
c=IN IP4 0.0.0.0
a=ice-ufrag:Ek4L
a=ice-pwd:9Yxq0AUmXPn9KzD2PqV0vJ1t
a=setup:actpass
a=mid:1
a=sendonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 H264/90000
a=rtpmap:98 VP9/90000
a=rtpmap:45 AV1/90000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
""".splitlines()
)
AIORTC_ANSWER = """v=0
o=- 4004375677 4004375677 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic:WMS *
m=video 51716 UDP/TLS/RTP/SAVPF 97 98 99 100
c=IN IP4 10.1.2.3
a=recvonly
a=mid:0
a=rtcp-mux
a=rtpmap:97 VP8/90000
a=rtpmap:98 rtx/90000
a=rtpmap:99 H264/90000
a=rtpmap:100 rtx/90000
a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 10.1.2.3 51716 typ host
a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00:1:2:3::2 38333 typ host
a=end-of-candidates
a=ice-ufrag:DVr6
a=ice-pwd:utzTGotZjebZCoTNt8Z8LR
a=fingerprint:sha-256 E3:C5:AD:86:84:1B:96:F2:BC:87:C5:7D:31:F5:C3:61
a=setup:active
""".replace("\n", "\r\n")


def candidate(address: str, kind: str = "host", more: str = "") -> str:
    """A candidate line as browsers write it."""
    return f"candidate:842163049 1 udp 1677729535 {address} 46154 typ {kind} generation 0 {more}"


def sdp(
    direction: str = "sendrecv",
    codecs: Sequence[str] = ("VP8", "H264"),
    setup: str = "actpass",
    ufrag: str = "abcd",
    port: int = 9,
    origin: str = "1 1",
    kind: str = "video",
    candidates: Sequence[str] = (),
    mid: str = "0",
) -> str:
    """A small SDP of one section."""
    lines = [
        "v=0",
        f"o=- {origin} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"m={kind} {port} UDP/TLS/RTP/SAVPF {' '.join(str(96 + n) for n in range(len(codecs)))}",
        f"a=mid:{mid}",
        f"a=ice-ufrag:{ufrag}",
        "a=ice-pwd:9Yxq0AUmXPn9KzD2PqV0vJ1t",
        "a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35",
        f"a=setup:{setup}",
        f"a={direction}",
        *(f"a=rtpmap:{96 + place} {codec}/90000" for place, codec in enumerate(codecs)),
        *(f"a={line}" for line in candidates),
    ]
    return "\r\n".join([*lines, ""])
