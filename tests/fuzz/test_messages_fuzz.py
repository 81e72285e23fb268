"""Arbitrary signals: refused with a Rejection, or passed on unchanged, by either loader."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signaling_server.core.protocol import messages
from signaling_server.core.protocol.messages import VALID_TYPES, Signal, parse_signal
from signaling_server.errors import Rejection

MAX_BYTES, MAX_DEPTH = 400, 5
CODES = {"too-large", "invalid-format", "invalid-type", "invalid-data"}

texts = st.text(max_size=8) | st.sampled_from(["type", "data", "to", "from", "[", '"', "\\", "}"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
members = {
    "type": st.sampled_from([*VALID_TYPES, "bye"]) | values,
    "data": st.dictionaries(texts, values, max_size=3) | values,
    "to": texts | values,
    "from": values,
}
pairs = st.one_of(
    [st.tuples(st.just(key), value) for key, value in members.items()] + [st.tuples(texts, values)]
)


@st.composite
def objects(draw: st.DrawFn) -> str:
    """The text of a JSON object, maybe with duplicate keys, escapes and odd spacing."""
    required = [("type", draw(members["type"])), ("data", draw(members["data"]))]
    all_pairs = draw(st.permutations([*required, *draw(st.lists(pairs, max_size=4))]))
    space = st.sampled_from(["", "", " ", "\n\t\r"])
    ascii_only = draw(st.booleans())

    def dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    def spaced(text: str) -> str:
        return draw(space) + text + draw(space)

    def key_of(text: str) -> str:
        if text and draw(st.integers(0, 4)) == 0:
            return f'"\\u{ord(text[0]):04x}{text[1:]}"' if text in members else dumps(text)
        return dumps(text)

    inside = ",".join(spaced(key_of(key)) + ":" + spaced(dumps(value)) for key, value in all_pairs)
    return spaced("{" + inside + "}")


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A JSON object with a piece cut out, and another put in."""
    text = draw(objects())
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 5)))
    piece = draw(st.sampled_from(["", "{", "}", "[", "]", '"', ",", ":", "\\", "NaN", "1e999"]))
    return text[:start] + piece + text[end:]


def outcome(text: str, loads: Callable[[str], Any]) -> Signal | str:
    """The signal, or the code that it is refused with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "_quick_loads", loads)
        try:
            return parse_signal(text, MAX_BYTES, MAX_DEPTH)
        except Rejection as rejection:
            return rejection.code


def pairs_but_from(text: str) -> list[tuple[str, Any]]:
    """All members of an object, duplicates too, in order."""
    found: list[tuple[str, Any]] = json.loads(
        text, object_pairs_hook=lambda pairs: pairs, parse_int=str, parse_float=str
    )
    return [(key, value) for key, value in found if key != "from"]


@given(st.one_of(objects(), objects(), mutations(), st.text(max_size=20), values.map(json.dumps)))
@example('{"type":"offer","data":{"\\ud800":1e999},"fro\\u006d":[{"from":1}]}')
@example('{"x":[[[[[[[]]]]]]],"x":0,"from":"me","type":"offer","data":{}}')
@example("[" * 200)
def test_signal_is_refused_in_words_or_goes_through_unchanged(text: str) -> None:
    result = outcome(text, messages._standard_loads)
    assert outcome(text, messages._loader()) == result
    if isinstance(result, str):
        assert result in CODES
        return
    passed = pairs_but_from(result.body + "}")
    assert passed == pairs_but_from(text)
    last = dict(json.loads(text))
    assert result.type == last["type"] in VALID_TYPES
    assert result.to == (last.get("to") or None)
    assert isinstance(last.get("data"), dict) or result.type == "ice-candidate"
    assert result.size == len(text.encode("utf-8", "surrogatepass")) <= MAX_BYTES
    assert depth(json.loads(text, object_pairs_hook=list)) <= MAX_DEPTH
    forwarded = json.loads(result.body + ',"from":"gcom","seq":7}')
    assert (forwarded["from"], forwarded["seq"]) == ("gcom", 7)


def depth(value: Any) -> int:
    """Levels of nesting, where an object is a list of (key, value)."""
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return depth(value[1]) if isinstance(value, tuple) else 0
