"""The exchange with a STUN or TURN server, as a script."""

from __future__ import annotations

import itertools
import struct

import pytest

from signaling_server.core.ice import stun
from signaling_server.core.ice.question import Answer, Question
from signaling_server.core.ice.stun_url import target

NONCE = (stun.NONCE, b"nonce-1")
REALM = (stun.REALM, b"hawkeye")


def question(url: str) -> Question:
    numbers = itertools.count()
    return Question(target(url, "1:node", "password"), lambda size: bytes([next(numbers)] * size))


def reply(request: bytes, kind: int, *attributes: tuple[int, bytes]) -> bytes:
    """The response of a server to a request."""
    body = b"".join(
        struct.pack("!HH", name, len(value)) + value + b"\0" * (-len(value) % 4)
        for name, value in attributes
    )
    method = struct.unpack_from("!H", request)[0]
    return struct.pack("!HHI", method | kind, len(body), stun.MAGIC) + request[8:20] + body


def refusal(request: bytes, code: int, reason: str = "", *more: tuple[int, bytes]) -> bytes:
    value = bytes([0, 0, code // 100, code % 100]) + reason.encode()
    return reply(request, stun.ERROR, (stun.ERROR_CODE, value), *more)


def attributes(request: bytes) -> dict[int, bytes]:
    """Those of a request, read as of a response."""
    method = struct.unpack_from("!H", request)[0]
    read = stun.response(struct.pack("!H", method | stun.SUCCESS) + request[2:])
    assert read is not None
    return read.attributes


def method(request: bytes) -> int:
    return int(struct.unpack_from("!H", request)[0])


def signed(request: bytes, nonce: bytes = b"nonce-1", realm: bytes = b"hawkeye") -> bool:
    """Whether a request is signed with the credential for this nonce and realm."""
    found = attributes(request)
    if stun.MESSAGE_INTEGRITY not in found:
        return False
    size = len(request) - 8  # without the fingerprint
    start = request[:2] + struct.pack("!H", size - 20) + request[4 : size - 24]
    key = stun.long_term_key("1:node", realm, "password")
    made = stun.hmac.new(key, start, stun.hashlib.sha1).digest()
    return made == found[stun.MESSAGE_INTEGRITY] and found[stun.NONCE] == nonce


def test_stun_server_answers_a_binding_request() -> None:
    asked = question("stun:a")
    request = asked.next_request(10.0)
    assert (method(request), stun.MESSAGE_INTEGRITY in attributes(request)) == (1, False)
    assert not asked.done
    assert asked.farewell(11.0) == b""
    assert asked.receive(reply(request, stun.SUCCESS), 10.25)
    assert asked.done
    assert asked.answer == Answer(0.25)


def test_allocation_is_made_with_the_credentials_and_released() -> None:
    asked = question("turn:a")
    first = asked.next_request(0.0)
    assert (method(first), signed(first)) == (stun.ALLOCATE, False)
    assert attributes(first)[stun.REQUESTED_TRANSPORT] == b"\x11\0\0\0"
    assert asked.receive(refusal(first, 401, "Unauthorized", REALM, NONCE), 0.5)
    assert not asked.done
    second = asked.next_request(0.5)
    assert (method(second), signed(second)) == (stun.ALLOCATE, True)
    assert asked.receive(reply(second, stun.SUCCESS), 1.5)
    assert (asked.answer, asked.done) == (Answer(0.5), False)
    third = asked.next_request(1.5)
    assert (method(third), signed(third)) == (stun.REFRESH, True)
    assert attributes(third)[stun.LIFETIME] == b"\0\0\0\0"
    assert asked.receive(reply(third, stun.SUCCESS), 2.0)
    assert (asked.answer, asked.done) == (Answer(0.5), True)
    assert asked.farewell(3.0) == b""


@pytest.mark.parametrize(
    ("code", "reason"), [(401, "Unauthorized"), (403, "Forbidden"), (486, "Quota"), (300, "")]
)
def test_refusal_after_the_credentials_is_an_answer(code: int, reason: str) -> None:
    asked = question("turn:a")
    first = asked.next_request(0.0)
    asked.receive(refusal(first, 401, "Unauthorized", REALM, NONCE), 0.5)
    second = asked.next_request(0.5)
    asked.receive(refusal(second, code, reason, REALM, NONCE), 1.0)
    assert (asked.answer, asked.done) == (Answer(0.5, f"{code} {reason}".strip()), True)


def test_refusal_without_a_nonce_is_an_answer() -> None:
    asked = question("turn:a")
    asked.receive(refusal(asked.next_request(0.0), 401, "Unauthorized", REALM), 0.5)
    assert (asked.answer, asked.done) == (Answer(0.5, "401 Unauthorized"), True)


def test_stun_server_that_asks_for_credentials_has_answered() -> None:
    asked = question("stun:a")
    asked.receive(refusal(asked.next_request(0.0), 401, "Unauthorized", REALM, NONCE), 0.5)
    assert (asked.answer, asked.done) == (Answer(0.5, "401 Unauthorized"), True)


def test_stale_nonce_is_replaced_twice_and_is_then_an_answer() -> None:
    asked = question("turn:a")
    asked.receive(refusal(asked.next_request(0.0), 401, "", REALM, NONCE), 0.5)
    for number in (2, 3):
        newer = (stun.NONCE, b"nonce-%d" % number)
        asked.receive(refusal(asked.next_request(0.5), 438, "Stale", newer), 0.6)
        assert not asked.done
    last = asked.next_request(0.7)
    assert signed(last, b"nonce-3")
    asked.receive(refusal(last, 438, "Stale Nonce", NONCE), 0.8)
    assert (asked.answer, asked.done) == (Answer(0.5, "438 Stale Nonce"), True)


def test_release_with_a_stale_nonce_is_repeated_with_the_newer_one() -> None:
    asked = question("turn:a")
    asked.receive(refusal(asked.next_request(0.0), 401, "", REALM, NONCE), 0.5)
    asked.receive(reply(asked.next_request(0.5), stun.SUCCESS), 0.6)
    asked.receive(refusal(asked.next_request(0.6), 438, "", (stun.NONCE, b"nonce-2")), 0.7)
    assert not asked.done
    again = asked.next_request(0.8)
    assert method(again) == stun.REFRESH
    assert signed(again, b"nonce-2")
    asked.receive(refusal(again, 437, "Allocation Mismatch"), 0.9)
    assert (asked.answer, asked.done) == (Answer(0.5), True)


def test_one_who_gives_up_releases_what_may_have_been_allocated() -> None:
    asked = question("turn:a")
    asked.receive(refusal(asked.next_request(0.0), 401, "", REALM, NONCE), 0.5)
    asked.next_request(0.5)
    farewell = asked.farewell(5.0)
    assert (method(farewell), signed(farewell)) == (stun.REFRESH, True)


def test_time_is_not_measured_where_a_copy_may_have_been_answered() -> None:
    asked = question("stun:a")
    request = asked.next_request(0.0)
    assert asked.again() == request
    assert asked.receive(reply(request, stun.SUCCESS), 0.7)
    assert asked.answer == Answer(None)


def test_only_the_response_to_the_last_request_counts() -> None:
    asked = question("turn:a")
    first = asked.next_request(0.0)
    assert not asked.receive(b"noise", 0.1)
    assert not asked.receive(first, 0.1)
    other = b"\x01\x01" + reply(first, stun.SUCCESS)[2:]  # to a Binding request
    assert not asked.receive(other, 0.1)
    assert asked.receive(refusal(first, 401, "", REALM, NONCE), 0.2)
    asked.next_request(0.3)
    assert not asked.receive(reply(first, stun.SUCCESS), 0.4)
    assert asked.answer is None


def test_reason_of_a_refusal_is_short_and_printable() -> None:
    asked = question("stun:a")
    asked.receive(refusal(asked.next_request(0.0), 400, "\x1b[2J" + "x" * 100), 0.1)
    assert asked.answer is not None
    assert asked.answer.refusal == "400 [2J" + "x" * 61
