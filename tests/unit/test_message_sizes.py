from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framing import frame
from signaling_server.transport.engine.message_sizes import MessageSizes

LENGTHS = (0, 1, 125, 126, 65535, 65536)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("wide", [False, True])
def test_whole_frame_is_a_message(length: int, wide: bool) -> None:
    sizes = MessageSizes()
    whole = frame(b"x" * length, wide=wide)
    sizes.feed(whole)
    assert (sizes.held, sizes.take(), sizes.held) == (len(whole), len(whole), 0)


def test_frame_without_a_mask_is_followed_too() -> None:
    sizes = MessageSizes()
    sizes.feed(b"\x81\x03abc" + b"\x89\x00")
    assert [sizes.take(), sizes.take(), sizes.held] == [5, 2, 0]


def test_fragments_are_one_message_and_a_ping_between_them_is_another() -> None:
    sizes = MessageSizes()
    first, ping = frame(b"abc", final=False), frame(b"ping", opcode=9)
    rest, last = frame(b"def", opcode=0, final=False), frame(b"", opcode=0)
    sizes.feed(first + ping + rest)
    assert sizes.take() == len(ping)
    assert sizes.held == len(first + rest), "an unfinished message stays"
    assert sizes.take() == 0
    assert sizes.held == len(first + rest)
    sizes.feed(last)
    assert sizes.take() == len(first + rest + last)
    assert sizes.held == 0


def test_beginning_of_a_header_is_held() -> None:
    sizes = MessageSizes()
    sizes.feed(frame(b"abc") + b"\x81")
    assert (sizes.take(), sizes.held) == (len(frame(b"abc")), 1)


def test_nothing_is_held_after_the_end() -> None:
    sizes = MessageSizes()
    sizes.feed(frame(b"abc") + b"\x81")
    assert (sizes.clear(), sizes.held, sizes.take()) == (len(frame(b"abc")) + 1, 0, 0)


frames = st.builds(
    frame,
    st.sampled_from(LENGTHS[:4]).map(lambda length: b"x" * length),
    opcode=st.sampled_from([0, 1, 2, 8, 9, 10]),
    final=st.booleans(),
    wide=st.booleans(),
)


@given(frames=st.lists(frames, max_size=8), cuts=st.lists(st.floats(0, 1), max_size=8))
def test_messages_are_the_same_however_their_bytes_come(
    frames: list[bytes], cuts: list[float]
) -> None:
    stream = b"".join(frames)
    places = sorted(int(cut * len(stream)) for cut in cuts)
    sizes = MessageSizes()
    for start, end in zip([0, *places], [*places, len(stream)]):
        sizes.feed(stream[start:end])
    expected, unfinished = [], 0
    for one in frames:
        if one[0] & 0x08:
            expected.append(len(one))
            continue
        unfinished += len(one)
        if one[0] & 0x80:
            expected.append(unfinished)
            unfinished = 0
    assert [sizes.take() for _ in expected] == expected
    assert (sizes.held, sizes.take()) == (unfinished, 0)
