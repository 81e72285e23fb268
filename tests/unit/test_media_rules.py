from __future__ import annotations

import pytest

from calls import Call
from sdps import sdp
from signaling_server.core.insight import media_rules as rules


def with_h264(profile: str, **fields: str) -> str:
    return sdp(codecs=["H264"], **fields) + f"a=fmtp:96 profile-level-id={profile}\r\n"  # type: ignore[arg-type]


def test_offer_without_video() -> None:
    call = Call()
    call.offer(kind="audio", codecs=["OPUS"])
    call.answer(kind="audio", codecs=["OPUS"])
    assert call.texts(rules.no_video) == ["The offer from streaming-node contains no video."]
    assert call.texts(rules.no_sender) == []


@pytest.mark.parametrize(
    ("offered", "answered", "sentence"),
    [
        (["H264"], ["VP8"], "streaming-node offers H264, gcom accepts VP8."),
        (
            ["H264", "H265", "AV1"],
            ["VP8", "VP9"],
            "streaming-node offers H264, H265 and AV1, gcom accepts VP8 and VP9.",
        ),
    ],
)
def test_no_common_codec(offered: list[str], answered: list[str], sentence: str) -> None:
    call = Call()
    call.offer(codecs=offered)
    call.answer(codecs=answered)
    (finding,) = call.found(rules.no_common_codec)
    assert (finding.text, finding.stalls) == (f"No common video codec: {sentence}", True)


@pytest.mark.parametrize("answered", [[], ["H264"]])
def test_common_and_unknown_codecs_are_fine(answered: list[str]) -> None:
    call = Call()
    call.offer(codecs=["H264"])
    call.answer(codecs=answered)
    assert call.texts(rules.no_common_codec) == []
    assert call.texts(rules.no_video) == []


def test_answer_that_refuses_the_video() -> None:
    call = Call()
    call.offer(codecs=["H264", "VP8"])
    call.answer(port=0, codecs=["H264"], setup="actpass")
    assert call.texts(rules.no_common_codec) == ["gcom refused the offered video (H264 and VP8)."]
    assert call.texts(rules.no_sender) == []


def test_profile_of_a_refused_video_is_said() -> None:
    call = Call()
    call.offer(text=with_h264("640032", direction="sendonly"))
    call.answer(port=0)
    assert call.texts(rules.no_common_codec) == [
        "gcom refused the offered video (H264, profile 640032)."
    ]


def test_video_that_the_offer_itself_has_turned_off_is_not_refused() -> None:
    call = Call()
    call.offer(port=0)
    call.answer(port=0)
    assert call.texts(rules.no_common_codec) == []


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("recvonly", "recvonly"),
        ("sendonly", "sendonly"),
        ("inactive", "inactive"),
        ("sendrecv", "inactive"),
    ],
)
def test_video_cannot_flow(offered: str, answered: str) -> None:
    call = Call()
    call.offer(direction=offered)
    call.answer(direction=answered)
    assert call.texts(rules.no_sender) == [
        f"No video can flow: streaming-node is {offered}, gcom is {answered}."
    ]


def test_two_offers_are_not_compared_because_one_side_may_yet_yield() -> None:
    call = Call()
    call.offer("streaming-node", direction="sendonly")
    call.offer("gcom", direction="sendonly")
    assert call.texts(rules.no_sender) == []


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("recvonly", "sendonly"), ("sendrecv", "sendrecv"), ("sendonly", "sendrecv")],
)
def test_one_side_sends_what_the_other_receives(offered: str, answered: str) -> None:
    call = Call()
    call.offer(direction=offered)
    call.answer(direction=answered)
    assert call.texts(rules.no_sender) == []


def test_profiles_are_compared_where_h264_is_all_that_both_have() -> None:
    call = Call()
    assert rules.profile_difference(call.pair) == ""
    call.offer(text=with_h264("640032"))
    call.answer(text=with_h264("42e01f", setup="active"))
    assert rules.profile_difference(call.pair) == (
        "profile 640032 (high) is offered, 42e01f (constrained baseline) is accepted"
    )
    call = Call()
    call.offer()
    call.answer()
    assert rules.profile_difference(call.pair) == ""  # they have VP8 as well
