from __future__ import annotations

import builtins
import json
from typing import Any, Callable

import pytest

from signaling_server.core.protocol import messages
from signaling_server.core.protocol.messages import Signal, parse_argument, parse_signal
from signaling_server.errors import Rejection

Parse = Callable[..., Signal]


def standard_loader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The loader of a system that has no orjson."""
    real_import = builtins.__import__

    def no_orjson(name: str, *args: Any) -> Any:
        if name == "orjson":
            raise ImportError(name)
        return real_import(name, *args)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", no_orjson)
        return messages._loader()


@pytest.fixture(params=["orjson", "json"])
def parse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Parse:
    """parse_signal, once with and once without orjson."""
    if request.param == "orjson":
        monkeypatch.setattr(messages, "_quick_loads", messages._loader())
    else:
        monkeypatch.setattr(messages, "_quick_loads", standard_loader(monkeypatch))

    def parse(text: str, max_bytes: int = 262144, max_depth: int = 64) -> Signal:
        return parse_signal(text, max_bytes, max_depth)

    return parse


def refusal(parse: Parse, text: str, **limits: int) -> Rejection:
    with pytest.raises(Rejection) as refused:
        parse(text, **limits)
    return refused.value


def test_both_loaders_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert standard_loader(monkeypatch) is messages._standard_loads
    assert messages._loader() is not messages._standard_loads


def test_signal_keeps_its_own_text(parse: Parse) -> None:
    text = '{"type":"offer", "data":{"sdp":"v=0","n":1.0e2,"big":123456789012345678901}}'
    assert parse(text) == Signal("offer", None, len(text), text[:-1])


def test_surrounding_whitespace_is_dropped(parse: Parse) -> None:
    text = ' \t\r\n{ "type" : "answer" , "data" : { } , "to" : "gcom" } \n'
    signal = parse(text)
    assert (signal.type, signal.to, signal.size) == ("answer", "gcom", len(text))
    assert json.loads(signal.body + "}") == json.loads(text)


@pytest.mark.parametrize("kind", ["offer", "answer", "ice-candidate"])
def test_every_type_takes_an_object(parse: Parse, kind: str) -> None:
    assert parse(json.dumps({"type": kind, "data": {}})).type == kind


@pytest.mark.parametrize("data", [{"data": None}, {}], ids=["null", "absent"])
def test_only_a_candidate_may_have_no_data(parse: Parse, data: dict[str, None]) -> None:
    assert parse(json.dumps({"type": "ice-candidate", **data})).type == "ice-candidate"
    assert refusal(parse, json.dumps({"type": "offer", **data})).code == "invalid-data"


@pytest.mark.parametrize("data", [[], "sdp", 1, True, False, ""])
def test_data_that_is_no_object_is_refused(parse: Parse, data: object) -> None:
    for kind in messages.VALID_TYPES:
        assert refusal(parse, json.dumps({"type": kind, "data": data})).code == "invalid-data"


@pytest.mark.parametrize("kind", ["bye", "", None, 1, [], {}, "Offer", True])
def test_wrong_type_is_refused_with_the_valid_ones(parse: Parse, kind: object) -> None:
    rejection = refusal(parse, json.dumps({"type": kind, "data": {}}))
    assert rejection.code == "invalid-type"
    assert rejection.payload()["valid_types"] == ("offer", "answer", "ice-candidate")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Offer", '"Offer"'),
        ("a\n\x1b[1m\ud800", r'"a\n\u001b[1m\ud800"'),
        ("x" * 9999, '"' + "x" * messages.MAX_TYPE + '"'),
        (None, "missing"),
        (True, "a boolean"),
        (7, "a number"),
        (7.5, "a number"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_wrong_type_is_named_cut_and_escaped(parse: Parse, kind: object, told: str) -> None:
    rejection = refusal(parse, json.dumps({"type": kind, "data": {}}))
    known = "type must be one of offer, answer, ice-candidate"
    assert rejection.message == f"{known}; this one is {told}"
    harmless = not isinstance(kind, str) or kind == "Offer"
    logged = f"{known}; this one is {told}" if harmless else known
    assert rejection.noted == logged, "the log is no place for what a client sends"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_number_that_json_does_not_know_is_named(parse: Parse, constant: str) -> None:
    rejection = refusal(parse, f'{{"type":"offer","data":{{"n":{constant}}}}}')
    assert rejection.code == "invalid-format"
    assert rejection.message == f"{constant} is not JSON: send null, or leave it out"
    with pytest.raises(Rejection, match=f"^{constant} is not JSON"):
        parse_argument(f"[{constant}]", 100)


@pytest.mark.parametrize("to", [None, ""])
def test_empty_receiver_is_none(parse: Parse, to: str | None) -> None:
    assert parse(json.dumps({"type": "offer", "data": {}, "to": to})).to is None


@pytest.mark.parametrize("to", [0, 1, False, [], {}, ["gcom"]])
def test_receiver_that_is_no_text_is_refused_and_not_a_broadcast(parse: Parse, to: object) -> None:
    signal = json.dumps({"type": "offer", "data": {}, "to": to})
    assert refusal(parse, signal).code == "invalid-format"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        '"offer"',
        "7",
        "{",
        '{"type":"offer","data":{}',
        '{"type":"offer","data":{}}{}',
        '{"type":"offer","data":{}},{}',
        '{"type":"offer","data":{}}\x0b',
        '\ufeff{"type":"offer","data":{}}',
        '{"type":"offer","data":{"n":NaN}}',
        '{"type":"offer","data":{"n":-Infinity}}',
        '{"type":"offer","data":{"n":01}}',
        '{"type":"offer","data":{"s":"\n"}}',
        "{'type':'offer'}",
        '{"type":"offer","data":{},}',
    ],
)
def test_anything_but_a_json_object_is_refused(parse: Parse, text: str) -> None:
    assert refusal(parse, text).code == "invalid-format"


@pytest.mark.parametrize(
    "value",
    ["1e999", "-1E-999", "1" * 5000, '"\\ud800"', '"\ud800"', '"\x7f\u2028"', "-0.0", "[[],{}]"],
)
def test_odd_but_valid_json_goes_through(parse: Parse, value: str) -> None:
    text = '{"type":"offer","data":{"odd":' + value + "}}"
    assert parse(text).body == text[:-1]


def test_size_is_in_bytes_of_utf8(parse: Parse) -> None:
    text = '{"type":"offer","data":{"s":"ü€\U0001f600"}}'
    size = len(text.encode())
    assert parse(text, max_bytes=size).size == size
    rejection = refusal(parse, text, max_bytes=size - 1)
    assert rejection.code == "too-large"
    assert rejection.payload()["limit"] == size - 1


def test_sender_cannot_choose_its_from(parse: Parse) -> None:
    signal = parse(
        '{"from":"gcom","type":"offer","data":{"from":1}, "fro\\u006d" : [{}] ,"x":"from"}'
    )
    assert signal.body == '{"type":"offer","data":{"from":1}, "x":"from"'


def test_from_is_cut_out_wherever_it_is(parse: Parse) -> None:
    assert parse('{"type":"offer","data":{},"from":""}').body == '{"type":"offer","data":{}'


def nested(levels: int) -> str:
    """An offer whose object is `levels` deep in all."""
    inner = "[" * (levels - 2) + "]" * (levels - 2)
    return '{"type":"offer","data":{"d":' + inner + "}}"


def test_depth_counts_the_signal_itself(parse: Parse) -> None:
    assert parse(nested(64), max_depth=64).type == "offer"
    rejection = refusal(parse, nested(65), max_depth=64)
    assert (rejection.code, "64 levels" in rejection.message) == ("invalid-format", True)


@pytest.mark.parametrize("levels", [1100, 100_000])
def test_depth_without_bounds_is_refused(parse: Parse, levels: int) -> None:
    assert refusal(parse, nested(levels)).code == "invalid-format"


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ('{"type":"ice-candidate"}', 1),
        ('{"type":"offer","data":{}}', 2),
        ('{"type":"offer","data":{},"x":[]}', 2),
        ('{"type":"offer","data":{"x":{}}}', 3),
        (' {"type":"offer","data":{"x":{}}}', 3),
        ('{"type":"offer","data":{"x":[]}}', 3),
    ],
)
def test_few_levels_count_as_well(parse: Parse, text: str, levels: int) -> None:
    assert parse(text, max_depth=levels).type
    assert refusal(parse, text, max_depth=levels - 1).code == "invalid-format"


def test_brackets_in_texts_and_side_by_side_are_no_depth(parse: Parse) -> None:
    data = {"sdp": '[{"\\' * 100, "list": [[] for _ in range(100)]}
    assert parse(json.dumps({"type": "offer", "data": data})).type == "offer"


def test_depth_hidden_under_a_duplicate_key_is_seen(parse: Parse) -> None:
    hidden = '{"x":' + "[" * 500 + "]" * 500 + ',"x":0,"from":"me","type":"offer","data":{}}'
    assert refusal(parse, hidden).code == "invalid-format"


def test_containers_are_counted_before_they_are_made(parse: Parse) -> None:
    lists = '{"type":"offer","data":{"x":[%s]}}'
    most = messages.MOST_CONTAINERS - 3
    assert parse(lists % ",".join(["[]"] * most)).type == "offer"
    rejection = refusal(parse, lists % ",".join(["[]"] * (most + 1)))
    assert (rejection.code, "10000 objects" in rejection.message) == ("invalid-format", True)
    numbers = lists % ",".join(["1"] * (messages.MOST_VALUES + 9))
    assert "20000 values" in refusal(parse, numbers).message
    in_a_text = {"type": "offer", "data": {"sdp": "[," * 60_000}}
    assert parse(json.dumps(in_a_text)).type == "offer"


def test_from_that_is_there_too_often_is_refused(parse: Parse) -> None:
    rejection = refusal(parse, '{"type":"offer","data":{}' + ',"from":1' * 17 + "}")
    assert (rejection.code, "17 times" in rejection.message) == ("invalid-format", True)


def test_last_duplicate_key_counts_and_all_go_through(parse: Parse) -> None:
    text = '{"type":"bye","type":"offer","data":1,"data":{}}'
    assert parse(text).body == text[:-1]


@pytest.mark.parametrize(
    ("text", "value"), [("{}", {}), (' {"state":"failed"} ', {"state": "failed"}), ("null", None)]
)
def test_argument_of_another_event_is_any_json(text: str, value: object) -> None:
    assert parse_argument(text, 100) == value


@pytest.mark.parametrize("text", ["", "{", "{},{}", "[" * 100_000])
def test_argument_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Rejection) as refused:
        parse_argument(text, 200_000)
    assert refused.value.code == "invalid-format"


def test_argument_that_is_too_long_is_refused() -> None:
    assert parse_argument('"xxx"', 5) == "xxx"
    with pytest.raises(Rejection) as refused:
        parse_argument('"xxxx"', 5)
    assert refused.value.payload()["limit"] == 5
