"""Whatever a server answers, the question survives it, and ends only by a response to it."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.ice import stun
from signaling_server.core.ice.question import Question
from signaling_server.core.ice.stun_url import target

attributes = st.lists(
    st.tuples(
        st.sampled_from([stun.ERROR_CODE, stun.NONCE, stun.REALM, 0x8022]) | st.integers(0, 65535),
        st.binary(max_size=40)
        | st.sampled_from([b"\0\0\x04\x01Unauthorized", b"\0\0\x04\x26Stale Nonce"]),
    ),
    max_size=4,
)


def message(kind: int, transaction: bytes, given_attributes: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(stun._attribute(name, value) for name, value in given_attributes)
    return struct.pack("!HHI", kind, len(body), stun.MAGIC) + transaction + body


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_not(data: bytes) -> None:
    read = stun.response(data)
    assert read is None or len(read.error) == 2


@given(st.integers(0, 0x3FFF), st.binary(min_size=12, max_size=12), attributes)
def test_message_is_read_as_it_was_written(
    kind: int, transaction: bytes, given_attributes: list[tuple[int, bytes]]
) -> None:
    read = stun.response(message(kind, transaction, given_attributes))
    assert (read is not None) is (kind & 0x110 in (stun.SUCCESS, stun.ERROR))
    if read is not None:
        assert read.attributes == dict(reversed(given_attributes))
        assert (read.method | read.kind, read.transaction) == (kind, transaction)


@given(
    st.sampled_from(["stun:a", "turn:a"]),
    st.lists(st.tuples(st.sampled_from([stun.SUCCESS, stun.ERROR]), attributes), max_size=12),
)
def test_question_ends_with_an_answer_after_few_requests(
    url: str, answers: list[tuple[int, list[tuple[int, bytes]]]]
) -> None:
    question = Question(target(url, "u", "p"), bytes)
    requests = 0
    for kind, given_attributes in answers:
        if question.done:
            break
        request = question.next_request(0.0)
        requests += 1
        method = struct.unpack_from("!H", request)[0]
        assert not question.receive(request, 0.0)
        assert question.receive(message(method | kind, request[8:20], given_attributes), 1.0)
    assert requests <= 5
    assert question.answer is not None or not question.done
    assert not question.done or question.farewell(2.0) == b""
