"""The video as offer and answer describe it: what will not flow even if the two connect."""

from __future__ import annotations

from typing import Iterator

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.h264 import difference
from signaling_server.core.insight.negotiation import Exchange, Pair
from signaling_server.core.insight.sdp import Section
from signaling_server.core.words import listed


def no_video(pair: Pair, now: float) -> Iterator[Finding]:
    """The offer has no video."""
    offerer, offer = pair.exchange[:2]
    if offer.sections and not any(section.kind == "video" for section in offer.sections):
        text = f"The offer from {offerer} contains no video."
        yield Finding("no-video", text, (offerer,), side=offerer)


def no_common_codec(pair: Pair, now: float) -> Iterator[Finding]:
    """The video is refused, or encoded in a way that the other side does not know."""
    exchange = pair.exchange
    one, other = exchange.peers
    for offered, answered in side_by_side(exchange, "video"):
        if answered.rejected:
            formats = listed(offered.codecs)
            profiles = listed([each.profile for each in offered.h264][:3])
            if offered.codecs == ("H264",) and profiles:
                formats = f"H264, profile {profiles}"
            text = f"{other} refused the offered video ({formats})."
            yield Finding("video-refused", text, exchange.peers, stalls=True)
        elif offered.codecs and answered.codecs and not {*offered.codecs} & {*answered.codecs}:
            text = (
                f"No common video codec: {one} offers {listed(offered.codecs)}, "
                f"{other} accepts {listed(answered.codecs)}."
            )
            yield Finding("no-common-codec", text, exchange.peers, stalls=True)


def no_sender(pair: Pair, now: float) -> Iterator[Finding]:
    """Neither sends what the other receives."""
    exchange = pair.exchange
    videos = [both for both in side_by_side(exchange, "video") if not both[1].rejected]
    if not videos or any(_flows(offered, answered) for offered, answered in videos):
        return
    one, other = exchange.peers
    here, there = videos[0][0].direction, videos[0][1].direction
    text = f"No video can flow: {one} is {here}, {other} is {there}."
    yield Finding("no-sender", text, (one, other), stalls=True)


def profile_difference(pair: Pair) -> str:
    """In what the H264 of offer and answer differs; "" if it fits or another codec is shared."""
    for offered, answered in side_by_side(pair.exchange, "video"):
        shared = {*offered.codecs} & {*answered.codecs}
        if shared == {"H264"}:
            return difference(offered.h264, answered.h264)
    return ""


def side_by_side(exchange: Exchange, kind: str) -> Iterator[tuple[Section, Section]]:
    """The sections of a kind of offer and answer, without those that the offer disables."""
    for offered, answered in zip(exchange.offer.sections, exchange.answer.sections):
        if offered.kind == answered.kind == kind and not offered.rejected:
            yield offered, answered


def _flows(offered: Section, answered: Section) -> bool:
    """Whether one of them sends what the other receives."""
    sends, receives = ("sendrecv", "sendonly"), ("sendrecv", "recvonly")
    one, other = offered.direction, answered.direction
    return (one in sends and other in receives) or (one in receives and other in sends)
