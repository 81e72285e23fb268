"""SDP and ICE candidates -> the few facts that say why there is no video.

Lenient: malformed, truncated or unknown parts are skipped, nothing raises, and the work is bounded.
Of an address only its kind is kept and, if it is private, its subnet; of passwords and fingerprints
only that they are there. RFC 8866 (SDP), RFC 8829 (JSEP), RFC 8839 (ICE), RFC 8842 (DTLS roles).
"""

from __future__ import annotations

import ipaddress
import re
from itertools import islice
from typing import NamedTuple

from signaling_server.core.insight.h264 import H264Format, parse_format

MAX_TEXT = 65536
"""Characters of an SDP that are read; one with 20 tracks has about 30,000."""
MAX_LINES = 1000
"""Relevant lines that are read of it; one with 20 tracks has 500."""
MAX_SECTIONS = 32
MAX_CODECS = 16
"""Codecs of a section that are kept; Chrome offers 6."""
MAX_CANDIDATES = 64
MAX_WORD = 64
"""Characters that are kept of a word chosen by a client."""
MAX_FMTP = 256
"""Characters that are read of the parameters of a codec."""

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_NO_CODECS = {
    "RTX",
    "RED",
    "ULPFEC",
    "FLEXFEC-03",
}  # they repair losses and carry no media of their own
_SUBNET_BITS = {4: 24, 6: 64}
"""An SDP does not contain the subnet's size: that of most Wi-Fi routers, and of RFC 4291."""
_LINE = re.compile(
    r"^(?:([mo])=|a=(sendrecv|sendonly|recvonly|inactive|bundle-only|end-of-candidates"
    r"|mid:|rtpmap:|fmtp:|setup:|ice-ufrag:|ice-pwd:|fingerprint:|candidate:))([^\r\n]*)",
    re.MULTILINE,
)
_BAD_LINE = re.compile(r"^(?![a-z]=)[^\r\n]", re.MULTILINE)
"""RFC 8866, 5: each line is <type>=<value>."""


class Candidate(NamedTuple):
    """A way to reach a peer."""

    type: str
    """host, srflx, prflx or relay."""
    address: str
    """mdns, private, public, loopback, link-local or other: the kind, not the address itself."""
    subnet: str = ""
    """Of a private address, such as "10.1.2.0/24"."""
    protocol: str = "udp"
    tcptype: str = ""
    """active, passive or so (RFC 6544)."""
    ufrag: str = ""
    """The ICE session it belongs to, if it says so."""

    @property
    def label(self) -> str:
        """Such as "host private" or "host public tcp passive"."""
        parts = [self.type, self.address]
        if self.protocol != "udp":
            parts += [self.protocol, self.tcptype]
        return " ".join(filter(None, parts))


class Section(NamedTuple):
    """A media section (m=)."""

    kind: str
    """video, audio or application."""
    rejected: bool
    mid: str
    direction: str
    codecs: tuple[str, ...]
    """In capital letters, each once, in order of preference."""
    setup: str
    """The DTLS role: actpass, active or passive."""
    h264: tuple[H264Format, ...] = ()
    """The kinds of H264 whose parameters are given, in order of preference."""


class Description(NamedTuple):
    """An offer or an answer."""

    sections: tuple[Section, ...] = ()
    origin: str = ""
    """Session id and version: equal if the same description is sent again."""
    ufrags: frozenset[str] = frozenset()
    """They change with an ICE restart or a new RTCPeerConnection."""
    candidates: tuple[Candidate, ...] = ()
    complete: bool = False
    """No more candidates will come."""
    has_password: bool = False
    has_fingerprint: bool = False
    well_formed: bool = False
    """It begins with v=0, and each line is <type>=<value>."""
    was_read: bool = True
    """False: it is too large to be read, so nothing is known of it."""

    @property
    def missing(self) -> list[str]:
        """What no WebRTC stack does without: RFC 8839, 5.4; RFC 8122, 5; RFC 8866, 5."""
        parts = (
            ("valid lines (v=0 first, each <type>=<value>)", self.well_formed),
            ("a=ice-ufrag", bool(self.ufrags)),
            ("a=ice-pwd", self.has_password),
            ("a=fingerprint", self.has_fingerprint),
        )
        return [name for name, there in parts if not there] if self.was_read else []

    @property
    def shape(self) -> list[tuple[str, str]]:
        """Kind and mid of each section: an answer repeats those of its offer (RFC 8829, 5.3.1)."""
        return [(section.kind, section.mid) for section in self.sections]


def parse_description(text: str) -> Description:
    """Read an SDP. A text without a media section is not one."""
    reader, read = _Reader(), text[:MAX_TEXT]
    for line in islice(_LINE.finditer(read), MAX_LINES):
        name = line[1] or line[2].rstrip(":")
        reader.read(name, line[3].strip())
    well_formed = read.startswith("v=0") and not _BAD_LINE.search(read)
    return reader.description(well_formed)


def parse_candidate(text: str) -> Candidate | None:
    """Read `candidate:...`, with or without "a=" and "candidate:"; None if it cannot be read.

    RFC 8839, 5.1: foundation component protocol priority address port "typ" type, then pairs.
    """
    words = text[:1024].rpartition("candidate:")[2].split()
    if len(words) < 8 or words[6] != "typ":
        return None
    more = dict(zip(words[8::2], words[9::2]))
    address, subnet = _address(words[4])
    return Candidate(
        type=words[7][:MAX_WORD],
        address=address,
        subnet=subnet,
        protocol=words[2].lower()[:MAX_WORD],
        tcptype=more.get("tcptype", "")[:MAX_WORD],
        ufrag=more.get("ufrag", "")[:MAX_WORD],
    )


def _address(text: str) -> tuple[str, str]:
    """The kind of an address, and the subnet if it is private."""
    if text.lower().endswith(".local"):
        return "mdns", ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "other", ""
    if address.is_loopback:
        return "loopback", ""
    if address.is_link_local:
        return "link-local", ""
    if _is_private(address.packed):
        bits = _SUBNET_BITS[address.version]
        return "private", str(ipaddress.ip_network(f"{address}/{bits}", strict=False))
    return ("other" if address.is_unspecified or address.is_multicast else "public"), ""


def _is_private(packed: bytes) -> bool:
    """RFC 4193; RFC 1918, and RFC 6598 (used by carriers and VPNs)."""
    first, second = packed[:2]
    if len(packed) == 16:
        return first & 0xFE == 0xFC
    return (
        first == 10
        or (first, second) == (192, 168)
        or (first == 172 and second & 0xF0 == 16)
        or (first == 100 and second & 0xC0 == 64)
    )


class _Draft:
    """A section that is being read."""

    __slots__ = (
        "_h264",
        "_h264_payloads",
        "codecs",
        "direction",
        "kind",
        "mid",
        "rejected",
        "setup",
    )

    def __init__(self, kind: str, rejected: bool, direction: str, setup: str) -> None:
        self.kind = kind[:MAX_WORD]
        self.rejected = rejected
        self.mid = ""
        self.direction = direction
        self.codecs: list[str] = []
        self.setup = setup
        self._h264_payloads: set[str] = set()
        self._h264: dict[H264Format, None] = {}
        """Each once, in order of preference."""

    def read(self, name: str, value: str) -> None:
        """One attribute."""
        if name in _DIRECTIONS:
            self.direction = name
        elif name == "rtpmap":
            payload, _, codec = value.partition(" ")
            codec = codec.partition("/")[0].upper()[:MAX_WORD]
            known = not codec or codec in self.codecs or codec in _NO_CODECS
            if not known and len(self.codecs) < MAX_CODECS:
                self.codecs.append(codec)
            if codec == "H264" and len(self._h264_payloads) < MAX_CODECS:
                self._h264_payloads.add(payload)
        elif name == "fmtp":
            payload, _, parameters = value.partition(" ")
            if payload in self._h264_payloads:  # every stack writes a=rtpmap first
                self._h264[parse_format(parameters[:MAX_FMTP])] = None
        elif name == "bundle-only":  # its port is 0 although it is wanted (RFC 9143)
            self.rejected = False
        elif name == "setup":
            self.setup = value.lower()[:MAX_WORD]
        else:  # mid
            self.mid = value[:MAX_WORD]

    def section(self) -> Section:
        """All that was read."""
        return Section(
            self.kind,
            self.rejected,
            self.mid,
            self.direction,
            tuple(self.codecs),
            self.setup,
            tuple(self._h264),
        )


class _Reader:
    """Collects lines; those before the first section are the defaults of all sections."""

    def __init__(self) -> None:
        self._session = self._current = _Draft("", False, "sendrecv", "")
        self._drafts: list[_Draft] = []
        self._origin = ""
        self._ufrags: set[str] = set()
        self._candidates: list[Candidate] = []
        self._complete = False
        self._has: set[str] = set()

    def read(self, name: str, value: str) -> None:
        """One line, such as "setup" and "actpass"."""
        if name == "m":
            self._start_section(value)
        elif name == "o":
            self._origin = " ".join(value.split()[1:3])[:MAX_WORD]
        elif name == "ice-ufrag":
            self._ufrags.add(value[:MAX_WORD])
        elif name == "candidate":
            if len(self._candidates) < MAX_CANDIDATES:  # no more are parsed than are kept
                candidate = parse_candidate(value)
                self._candidates += [candidate] if candidate else []
        elif name == "end-of-candidates":
            self._complete = True
        elif name in ("ice-pwd", "fingerprint"):
            self._has.add(name)
        else:
            self._current.read(name, value)

    def _start_section(self, value: str) -> None:
        kind, port = (*value.split()[:2], "", "")[:2]
        self._current = _Draft(kind, port == "0", self._session.direction, self._session.setup)
        if len(self._drafts) < MAX_SECTIONS:
            self._drafts.append(self._current)

    def description(self, well_formed: bool) -> Description:
        """All that was read."""
        return Description(
            tuple(draft.section() for draft in self._drafts),
            self._origin,
            frozenset(sorted(self._ufrags)[:MAX_SECTIONS]),
            tuple(self._candidates),
            self._complete,
            "ice-pwd" in self._has,
            "fingerprint" in self._has,
            well_formed,
        )
