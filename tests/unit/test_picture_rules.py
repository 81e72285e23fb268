from __future__ import annotations

from typing import Any

import pytest

from calls import Call
from sdps import sdp
from signaling_server.core.insight.picture_rules import no_picture


def watched(wait: float, **gcom: float) -> Call:
    """A call that is connected; after `wait` gcom reports what it measures."""
    call = Call()
    call.connect()
    call.now += wait
    call.report("gcom", "connected", **gcom)
    return call


def test_picture_that_arrives() -> None:
    call = watched(9.0, frames_per_second=30.0, bitrate_kbps=2000.0)
    assert call.found(no_picture) == []


def test_no_frame_has_arrived_because_nothing_is_sent() -> None:
    assert watched(4.9, frames_per_second=0.0, bitrate_kbps=0.0).found(no_picture) == []
    (finding,) = watched(8.0, frames_per_second=0.0, bitrate_kbps=0.0).found(no_picture)
    assert (finding.code, finding.side, finding.stalls) == ("no-frames", "streaming-node", True)
    assert finding.text == (
        "Connected for 8 s, but no frame has arrived at gcom: streaming-node sends nothing "
        "(camera?)."
    )


def test_no_frame_has_arrived_although_the_node_sends() -> None:
    call = watched(8.0, frames_per_second=0.0, bitrate_kbps=0.0)
    call.report("streaming-node", "connected", bitrate_kbps=1500.0)
    (finding,) = call.found(no_picture)
    assert finding.text == (
        "Connected for 8 s, but no frame has arrived at gcom, although streaming-node sends."
    )
    assert finding.side == ""


@pytest.mark.parametrize(
    ("codecs", "why"),
    [
        (["VP8"], ""),
        (
            ["H264"],
            ": H264 profile 640032 (high) is offered, 42e01f (constrained baseline) is accepted",
        ),
    ],
)
def test_packets_arrive_and_no_frame_is_decoded(codecs: list[str], why: str) -> None:
    def described(profile: str, **fields: Any) -> str:
        return sdp(codecs=codecs, **fields) + f"a=fmtp:96 profile-level-id={profile}\r\n"

    call = Call()
    call.offer(text=described("640032", direction="sendonly"))
    call.answer(text=described("42e01f", direction="recvonly", setup="active"))
    call.report("gcom", "connected")
    call.now += 8.0
    call.report("gcom", "connected", frames_per_second=0.0, bitrate_kbps=1500.0)
    (finding,) = call.found(no_picture)
    assert (finding.code, finding.side) == ("not-decoded", "gcom")
    assert finding.text == (
        f"Connected for 8 s, but gcom decodes no frame, although packets arrive{why}."
    )


@pytest.mark.parametrize(
    ("arrives", "leaves", "why", "side"),
    [
        (0.0, 0.0, "nothing arrives from streaming-node", "streaming-node"),
        (0.0, 900.0, "streaming-node sends, but nothing arrives", ""),
        (900.0, 900.0, "packets arrive, but no frame is decoded", "gcom"),
    ],
)
def test_picture_that_stands_still(arrives: float, leaves: float, why: str, side: str) -> None:
    call = watched(9.0, frames_per_second=30.0, bitrate_kbps=2000.0)
    call.now += 2.0
    call.report("gcom", "connected", frames_per_second=0.0, bitrate_kbps=arrives)
    assert call.found(no_picture) == []
    call.now += 4.0
    call.report("gcom", "connected", frames_per_second=0.0, bitrate_kbps=arrives)
    call.report("streaming-node", "connected", bitrate_kbps=leaves)
    (finding,) = call.found(no_picture)
    assert (finding.code, finding.side) == ("frozen", side)
    assert finding.text == f"The picture at gcom has stood still for 6 s: {why}."
    call.report("gcom", "connected", frames_per_second=30.0, bitrate_kbps=2000.0)
    assert call.found(no_picture) == []


def test_receiver_that_stops_to_report_is_unknown() -> None:
    call = watched(8.0, frames_per_second=0.0)
    assert call.found(no_picture, wait=8.0)
    assert call.found(no_picture, wait=0.1) == []


def test_node_that_measures_no_frames_says_nothing_about_the_picture() -> None:
    call = Call()
    call.connect()
    call.now += 9.0
    call.report("streaming-node", "connected", frames_per_second=0.0)
    assert call.found(no_picture) == []


def test_two_whose_parts_are_unknown_connected_at_an_unknown_time() -> None:
    call = Call(kinds=("", ""))
    call.offer()
    call.answer()
    call.report("gcom", "connecting", frames_per_second=0.0)
    assert call.found(no_picture, wait=1.0) == []
