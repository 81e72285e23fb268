"""The costliest signal: hypothesis builds texts of the greatest size and looks for many steps.

Steps are calls of functions, of Python and of C, as sys.setprofile counts them: that does not
depend on the machine. Each of those functions is linear in the text.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

from hypothesis import HealthCheck, example, given, settings, target
from hypothesis import strategies as st

from signaling_server.core.protocol.json_text import MOST_FROM
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.errors import Rejection

LARGEST = 262_144
MOST_STEPS = 80 + 12 * MOST_FROM
"""However the text is made: not one for each bracket, member or string in it."""

values = st.sampled_from(
    [*("1", "0.1", "1e999", '""', '"["', '"\\\\"', '"\\"from\\":"', '"\\ud800"', '"é"', "null")]
    + [*("[]", "{}", "[[]]", '{"from":1}', '{"x":[{}]}', '["["]', "9" * 30)]
    + ["[" * depth + "]" * depth for depth in (5, 8, 13, 60)]
)
keys = st.sampled_from(['"from"', '"fro\\u006d"', '"k{}"', '"\\"from"', '"from "', '"type"'])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A signal of the greatest size, made of a few members again and again."""
    members = draw(st.lists(st.tuples(keys, values), min_size=1, max_size=4))
    inside = draw(st.sampled_from(["members", "list", "data"]))
    head = '{"type":"ice-candidate","from":1'
    pieces = [value if inside == "list" else f"{key}:{value}" for key, value in members]
    opening, closing = {"members": (",", ""), "list": (',"data":{"x":[', "]}")}.get(
        inside, (',"data":{', "}")
    )
    room = LARGEST - len(head) - len(opening) - len(closing) - 1
    body: list[str] = []
    for number, piece in zip(itertools.count(), itertools.cycle(pieces)):
        text = piece.replace("k{}", f"k{number:x}", 1)
        room -= len(text.encode()) + 1
        if room < 0:
            break
        body.append(text)
    return head + opening + ",".join(body) + closing + "}"


def steps(text: str) -> int:
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        parse_signal(text, LARGEST, 64)
    except Rejection:
        pass
    finally:
        sys.setprofile(None)
    return count


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(texts())
@example('{"type":"offer","data":{},"from":1' + "".join(f',"{i:x}":1' for i in range(26_000)) + "}")
@example('{"type":"offer","data":{"x":[' + ",".join(["[]"] * 87_000) + "]}}")
@example('{"type":"offer","data":{"x":[' + ",".join(['""'] * 87_000) + "]}}")
def test_no_signal_takes_many_steps_to_check(text: str) -> None:
    taken = steps(text)
    target(float(taken))
    assert taken <= MOST_STEPS
