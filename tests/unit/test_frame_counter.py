from __future__ import annotations

from typing import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framing import frame
from signaling_server.transport.engine.frame_counter import BadFrame, FrameCounter

MASK = b"\x11\x22\x33\x44"
PING, PONG, CONTINUATION, BINARY, CLOSE = 9, 10, 0, 2, 8


class Allowance:
    def __init__(self, left: int = 10**6) -> None:
        self.left = self.first = left

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0

    @property
    def taken(self) -> int:
        return self.first - self.left


def follow(data: bytes, step: int, allowance: Allowance | None = None) -> FrameCounter:
    """A counter that has seen `data` in pieces of `step` bytes."""
    counter = FrameCounter((allowance or Allowance()).take)
    for at in range(0, len(data), step):
        counter.follow(data[at : at + step])
    return counter


def sizes(counter: FrameCounter) -> Iterable[int]:
    return list(iter(counter.taken, 0))


STEPS = pytest.mark.parametrize("step", [1, 2, 3, 7, 10**6])


@STEPS
@pytest.mark.parametrize("mask", [MASK, b"\0\0\0\0"])
@pytest.mark.parametrize("payload", [b"42[]", b"4", b"40" * 100, b"4" * 70000])
def test_event_is_counted_elsewhere(payload: bytes, mask: bytes, step: int) -> None:
    allowance = Allowance(0)
    data = frame(payload, mask=mask)
    assert sizes(follow(2 * data, step, allowance)) == [len(data)] * 2


@STEPS
@pytest.mark.parametrize(
    "other",
    [
        frame(b"", opcode=PING, mask=MASK),
        frame(b"xyz", opcode=PONG, mask=MASK),
        frame(b"4", opcode=BINARY, mask=MASK),
        frame(b"", opcode=CLOSE, mask=MASK),
        frame(b"3", mask=MASK),
        frame(b"", mask=MASK),
        frame(b"3", mask=MASK, wide=True),
        frame(b"3" * 300, mask=MASK, wide=True),
    ],
)
def test_any_other_frame_takes_from_the_rate(other: bytes, step: int) -> None:
    allowance = Allowance()
    assert sizes(follow(5 * other, step, allowance)) == [len(other)] * 5
    assert allowance.taken == 5
    with pytest.raises(BadFrame) as caught:
        follow(5 * other, step, Allowance(4))
    assert caught.value.code == "rate-limited"


@STEPS
def test_fragments_are_one_message_and_each_but_the_first_counts(step: int) -> None:
    begin, ping = frame(b"42[", final=False, mask=MASK), frame(b"", opcode=PING, mask=MASK)
    more, end = (frame(b"", opcode=CONTINUATION, final=last, mask=MASK) for last in (False, True))
    allowance = Allowance()
    counter = follow(begin + more + ping + end + begin, step, allowance)
    assert sizes(counter) == [len(ping), len(begin + more + end)]
    assert allowance.taken == 3


def test_nothing_is_taken_of_what_is_not_complete() -> None:
    whole = frame(b"42[]", mask=MASK)
    counter = follow(whole[:-1], 1)
    assert counter.taken() == 0
    counter.follow(whole[-1:])
    assert counter.taken() == len(whole)


@STEPS
def test_frame_without_a_mask_is_refused(step: int) -> None:
    with pytest.raises(BadFrame) as caught:
        follow(frame(b"42[]") + b"\x81\x0442[]", step)
    assert caught.value.code == "invalid-format"


frames = st.builds(
    frame,
    st.sampled_from([0, 1, 125, 126, 65535]).map(lambda length: b"x" * length),
    opcode=st.sampled_from([CONTINUATION, 1, BINARY, CLOSE, PING, PONG]),
    final=st.booleans(),
    mask=st.just(MASK),
    wide=st.booleans(),
)


@example(frames=[frame(b"", mask=MASK, wide=True)], cuts=[])
@given(frames=st.lists(frames, max_size=8), cuts=st.lists(st.floats(0, 1), max_size=8))
def test_messages_are_the_same_however_their_bytes_come(
    frames: list[bytes], cuts: list[float]
) -> None:
    stream = b"".join(frames)
    places = sorted(int(cut * len(stream)) for cut in cuts)
    counter = FrameCounter(lambda: True)
    for start, end in zip([0, *places], [*places, len(stream)]):
        counter.follow(stream[start:end])
    expected, unfinished = [], 0
    for one in frames:
        if one[0] & 0x08:
            expected.append(len(one))
            continue
        unfinished += len(one)
        if one[0] & 0x80:
            expected.append(unfinished)
            unfinished = 0
    assert sizes(counter) == expected
