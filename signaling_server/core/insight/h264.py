"""H264 profiles: whether what one side sends the other says it can decode.

RFC 6184, 8.1 (profile-level-id, packetization-mode). The level may differ: it is only a limit.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

_PROFILE = re.compile(r"profile-level-id\s*=\s*([0-9a-fA-F]{6})")
_MODE = re.compile(r"packetization-mode\s*=\s*([0-2])")
_UNSAID = "42000a"
"""RFC 6184: Baseline, level 1."""

_NAMES = (
    # RFC 6184, table 5: profile_idc, the bits of profile_iop that matter, their values
    (0x42, 0x4F, 0x40, "constrained baseline"),
    (0x4D, 0x8F, 0x80, "constrained baseline"),
    (0x58, 0xCF, 0xC0, "constrained baseline"),
    (0x42, 0x4F, 0x00, "baseline"),
    (0x58, 0xCF, 0x80, "baseline"),
    (0x4D, 0xAF, 0x00, "main"),
    (0x58, 0xCF, 0x00, "extended"),
    (0x64, 0xFF, 0x00, "high"),
    (0x64, 0xFF, 0x0C, "constrained high"),
)


class H264Format(NamedTuple):
    """One H264 payload type of a section."""

    profile: str = _UNSAID
    """profile-level-id: six hexadecimal digits in small letters."""
    mode: str = "0"
    """packetization-mode."""

    @property
    def name(self) -> str:
        """The name of the profile; the digits themselves if it has none."""
        idc, iop = int(self.profile[:2], 16), int(self.profile[2:4], 16)
        for number, bits, value, name in _NAMES:
            if idc == number and iop & bits == value:
                return name
        return self.profile[:4]


def parse_format(parameters: str) -> H264Format:
    """Read the value of an a=fmtp line, after the payload type; unknown parts are skipped."""
    profile, mode = _PROFILE.search(parameters), _MODE.search(parameters)
    return H264Format(profile[1].lower() if profile else _UNSAID, mode[1] if mode else "0")


def difference(sent: Iterable[H264Format], decoded: Iterable[H264Format]) -> str:
    """In what all of one side's formats differ from all of the other's; "" if two fit.

    Such as "profile 640032 (high) is offered, 42e01f (constrained baseline) is accepted".
    """
    ours, theirs = [*sent], [*decoded]
    if not ours or not theirs:
        return ""
    if not {one.name for one in ours} & {other.name for other in theirs}:
        one, other = ours[0], theirs[0]
        return (
            f"profile {one.profile} ({one.name}) is offered, "
            f"{other.profile} ({other.name}) is accepted"
        )
    if not {(one.name, one.mode) for one in ours} & {(one.name, one.mode) for one in theirs}:
        return f"packetization-mode {ours[0].mode} is offered, {theirs[0].mode} is accepted"
    return ""
